//! The site of the service in the host's own nginx.

use super::health::health_address;
use super::locations::{files, pass};
use crate::config::Config;

/// How the file begins that this program may replace.
pub const MARK: &str = "# Written by meats-deploy";

/// One `server` for these names. No default server: other sites of the host stay as they are.
pub fn render_site(config: &Config, hosts: &[String], port: u16) -> String {
    let service = config.service.value.as_str();
    let servers: String =
        config.addresses.iter().map(|a| format!("    server {};\n", health_address(a))).collect();
    format!(
        r#"{MARK} setup; a changed file is replaced by the next setup, one with TLS is not.
upstream {service} {{
{servers}}}

server {{
    listen {port};
    listen [::]:{port};
    server_name {names};
    client_max_body_size 25m;
{files}
{pass}}}
"#,
        names = hosts.join(" "),
        files = files(&config.writable, 4),
        pass = pass(service, "$scheme", config.timeout.value, 4),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;

    #[test]
    fn every_request_goes_to_the_application_but_files() {
        let (config, _) = resolve(&[]);
        let text = render_site(&config, &["a.example".into(), "b.example".into()], 80);
        assert!(text.starts_with(MARK));
        for part in [
            "    server 127.0.0.1:8000;\n",
            "server_name a.example b.example;",
            "    location /media/ {\n        alias /opt/projectmeats/backend/media/;",
            "proxy_pass http://projectmeats;",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("default_server") && !text.contains("location /health"));
    }
}
