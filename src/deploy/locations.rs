//! The locations of the service's site, the same in the host's nginx and in that of the stack.

use std::path::{Path, PathBuf};

/// Everything else goes to the application at `target`; indented by `indent`.
pub fn pass(target: &str, scheme: &str, timeout: u32, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let lines = [
        format!("proxy_pass http://{target};"),
        "proxy_http_version 1.1;".to_owned(),
        "proxy_set_header Host $http_host;".to_owned(),
        "proxy_set_header X-Real-IP $remote_addr;".to_owned(),
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;".to_owned(),
        format!("proxy_set_header X-Forwarded-Proto {scheme};"),
        format!("proxy_read_timeout {timeout}s;"),
    ];
    let inner: String = lines.iter().map(|line| format!("{blanks}    {line}\n")).collect();
    format!("{blanks}location / {{\n{inner}{blanks}}}\n")
}

/// Static and uploaded files, served where the field's nginx serves them; indented by `indent`.
pub fn files(writable: &[PathBuf], indent: usize) -> String {
    let blanks = " ".repeat(indent);
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
                "\n{blanks}location {url} {{\n{blanks}    alias {}/;\n{blanks}}}\n",
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
