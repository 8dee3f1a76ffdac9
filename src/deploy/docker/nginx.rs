//! The web server of the stack. The application's name is resolved at run time: a recreated
//! container has another address, and nginx asks only once for a name in `proxy_pass`.

use std::path::Path;

use super::stack::Stack;

/// The whole configuration; pid and temporary files lie in `/tmp`, the only writable place.
pub fn render_nginx(stack: &Stack) -> String {
    format!(
        r#"# Written by meats-deploy docker init.
worker_processes auto;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {{
    worker_connections 512;
}}

http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    server_tokens off;
    sendfile on;
    client_max_body_size 25m;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    resolver 127.0.0.11 valid=2s;

    # A proxy in front that ended TLS has said so; else the scheme of this connection counts.
    map $http_x_forwarded_proto $scheme_outside {{
        default $http_x_forwarded_proto;
        "" $scheme;
    }}

    server {{
        listen 8080 default_server;
        set $app app:8000;
{files}
        location / {{
            proxy_pass http://$app;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme_outside;
            proxy_read_timeout {timeout}s;
        }}
    }}
}}
"#,
        files = files(&stack.writable),
        timeout = stack.timeout,
    )
}

/// Static and uploaded files, served where the field's nginx serves them.
fn files(writable: &[std::path::PathBuf]) -> String {
    let mut text = String::new();
    for path in writable {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let urls: &[&str] = match name {
            "media" => &["/media/"],
            "staticfiles" | "static" => &["/static/", "/django_static/"],
            _ => &[],
        };
        for url in urls {
            text.push_str(&format!(
                "\n        location {url} {{\n            alias {}/;\n        }}\n",
                quoted(path)
            ));
        }
    }
    text
}

/// A path as nginx takes it back; variables cannot be escaped, so `$` is left to the check.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b));
    if plain { text } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::stack;
    use super::*;

    #[test]
    fn names_are_resolved_at_run_time_and_files_served() {
        let (stack, _) = stack("postgres://u:p@localhost/d").expect("a stack");
        let text = render_nginx(&stack);
        assert!(text.contains("proxy_pass http://$app;") && text.contains("resolver 127.0.0.11"));
        assert!(
            text.contains(
                "location /media/ {\n            alias /opt/projectmeats/backend/media/;"
            )
        );
        assert!(
            !text.contains("location /health"),
            "a health answer of nginx hides a dead backend"
        );
    }
}
