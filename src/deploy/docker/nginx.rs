//! The web server of the stack. The application's name is resolved at run time: a recreated
//! container has another address, and nginx asks only once for a name in `proxy_pass`.

use super::stack::Stack;
use crate::deploy::locations::{files, pass};

/// The whole configuration; pid and temporary files lie in `/tmp`, the only writable place.
pub fn render_nginx(stack: &Stack) -> String {
    format!(
        r#"# Written by meats-deploy docker init.
worker_processes auto;
worker_rlimit_nofile 16384;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;

events {{
    worker_connections 4096;
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
    # A container that has just gone answers nothing at all: the next address of the name is asked.
    proxy_connect_timeout 2s;

    # A proxy in front that ended TLS has said so; else the scheme of this connection counts.
    map $http_x_forwarded_proto $scheme_outside {{
        default $http_x_forwarded_proto;
        "" $scheme;
    }}

    server {{
        listen 8080 default_server;
        set $app app:8000;
{files}
{pass}    }}
}}
"#,
        files = files(&stack.writable, 8),
        pass = pass("$app", "$scheme_outside", stack.timeout, 8),
    )
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
