//! A status line for `systemctl status` (sd_notify(3)).

/// Sends `STATUS=`. The env file of the service can set `NOTIFY_SOCKET` for a `+` command
/// (systemd.exec(5)), so only systemd's own socket is spoken to.
pub fn status(notify_socket: Option<&str>, text: &str) {
    let systemd =
        |s: &str| s.starts_with("/run/systemd/") || s.starts_with("@/org/freedesktop/systemd1/");
    if notify_socket.is_some_and(systemd) {
        sd_notify::notify(&[sd_notify::NotifyState::Status(text)]).ok();
    }
}
