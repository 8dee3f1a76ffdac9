//! One HTTP/1.0 request to an address of this host, for the health check: an answer to that is never
//! in chunks (RFC 9112, 6.1).

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::clock::Stopwatch;
use super::sockets;
use super::wire::Wire;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// First bytes of the body.
    pub body: Vec<u8>,
    /// The `Location:` header of a redirect.
    pub location: Option<String>,
    pub took: Duration,
}

const MAX_ANSWER: u64 = 64 << 10;

/// Asks `address` (`127.0.0.1:8000`, `[::1]:8000` or `unix:/run/x.sock`) for `path`.
/// `host` is the `Host:` header; no name is looked up. All of it takes at most `limit`.
///
/// # Errors
/// The text says what happened instead of an answer.
pub fn get(address: &str, path: &str, host: &str, limit: Duration) -> Result<Answer, String> {
    let watch = Stopwatch::new();
    let wire = if let Some(socket) = address.strip_prefix("unix:") {
        Wire::unix(Path::new(socket), limit)
    } else {
        let target: SocketAddr =
            address.parse().map_err(|_| format!("\"{address}\" is not ADDRESS:PORT"))?;
        Wire::tcp(&target, limit)
    };
    exchange(wire.map_err(|e| cause(&e))?, path, host, watch)
}

/// True when a connection to `address` is accepted.
pub fn connects(address: &str, limit: Duration) -> bool {
    match address.strip_prefix("unix:") {
        Some(socket) => Wire::unix(Path::new(socket), limit).is_ok(),
        None => address.parse().is_ok_and(|target| sockets::connects(target, limit)),
    }
}

/// A TCP port on 127.0.0.1 that nobody listens at now. Another program may take it before it is
/// used; whoever uses it then fails to bind.
///
/// # Errors
/// There is none.
pub fn spare_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|l| l.local_addr()).map(|a| a.port()).map_err(|e| cause(&e))
}

fn cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => "no answer in time".into(),
        _ => error.to_string(),
    }
}

fn exchange(
    mut stream: impl Read + Write,
    path: &str,
    host: &str,
    watch: Stopwatch,
) -> Result<Answer, String> {
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: projectmeats-fixes\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(|e| cause(&e))?;
    let mut bytes = Vec::new();
    let read = stream.take(MAX_ANSWER).read_to_end(&mut bytes);
    if bytes.is_empty() {
        return Err(read.err().map_or_else(|| "an empty answer".to_owned(), |e| cause(&e)));
    }
    parse(&bytes, watch.elapsed())
}

fn parse(bytes: &[u8], took: Duration) -> Result<Answer, String> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .filter(|line| line.starts_with("HTTP/1."))
        .and_then(|line| line.split_whitespace().nth(1))
        // A part of a number is none.
        .and_then(|code| code.parse().ok().filter(|_| code.len() == 3))
        .ok_or("something that is not HTTP answered")?;
    let location = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    Ok(Answer { status, body, location, took })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let ok = parse(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n{}", Duration::ZERO);
        assert_eq!(ok.map(|a| (a.status, a.body)), Ok((200, b"{}".to_vec())));
        let moved = parse(b"HTTP/1.1 301 M\r\nlocation: https://x/\r\n\r\n", Duration::ZERO);
        assert_eq!(moved.map(|a| a.location), Ok(Some("https://x/".to_owned())));
        assert!(parse(b"SSH-2.0-x\r\n", Duration::ZERO).is_err());
        assert!(parse(b"HTTP/1.1 20", Duration::ZERO).is_err());
    }

    /// gunicorn does so with a body whose length the application did not say.
    #[test]
    fn a_server_that_may_send_chunks_is_not_asked_to() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a server");
        let address = server.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let (mut guest, _) = server.accept().expect("a guest");
            let mut asked = [0; 20];
            guest.read_exact(&mut asked).expect("a question");
            let plain = asked.starts_with(b"GET /health HTTP/1.0");
            let answer =
                if plain { "\r\n{}" } else { "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0" };
            write!(guest, "HTTP/1.1 200 OK\r\n{answer}").expect("a guest");
        });
        let answer = get(&address, "/health", "x", Duration::from_secs(5));
        assert_eq!(answer.map(|a| a.body), Ok(b"{}".to_vec()));
    }

    /// A server that says a byte now and then, and never ends.
    #[test]
    fn the_limit_is_one_for_the_whole_answer() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a server");
        let address = server.local_addr().expect("an address").to_string();
        std::thread::spawn(move || {
            let (mut guest, _) = server.accept().expect("a guest");
            while guest.write_all(b"H").is_ok() {
                super::super::clock::pause(Duration::from_millis(50));
            }
        });
        let watch = Stopwatch::new();
        let answer = get(&address, "/", "x", Duration::from_millis(400));
        assert!(answer.is_err() && watch.elapsed() < Duration::from_secs(5), "{answer:?}");
    }
}
