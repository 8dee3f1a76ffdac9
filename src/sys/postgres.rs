//! One question to a PostgreSQL server in its own protocol (version 3), without a driver.
//!
//! The password is never sent: only the proof of SCRAM-SHA-256 (RFC 5802, RFC 7677) is. A server
//! that asks for it in clear, or by MD5, is not answered.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};

use super::clock::Deadline;
use super::wire::Wire;
use crate::model::Secret;

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    Tcp(Vec<SocketAddr>),
    Unix(PathBuf),
}

/// The client's last message of SCRAM-SHA-256, made of the password, the client's first message and
/// the server's.
pub type Prove = fn(&Secret, &str, &str) -> Option<String>;

/// Who asks for what.
#[derive(Debug)]
pub struct Login<'a> {
    pub server: &'a Server,
    pub user: &'a str,
    pub password: &'a Secret,
    pub prove: Prove,
    pub database: &'a str,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No connection, or no answer in time.
    Unreachable(String),
    /// The server's own code (SQLSTATE).
    Server { code: String },
    /// It wants something that is not spoken here.
    Unspoken(&'static str),
}

/// Rows of one column or more, as text; NULL is empty.
pub type Rows = Vec<Vec<String>>;

/// Logs in and asks one question after the other; a refused one does not end the session. All of it
/// takes at most `limit`.
///
/// # Errors
/// When there was no session.
pub fn ask(
    login: &Login<'_>,
    questions: &[&str],
    limit: Duration,
) -> Result<Vec<Result<Rows, Refused>>, Refused> {
    let wire = match login.server {
        Server::Unix(path) => Wire::unix(path, limit).map_err(unreachable),
        Server::Tcp(addresses) => {
            let deadline = Deadline::after(limit);
            let mut reached = Err(Refused::Unreachable("no address".to_owned()));
            // Each has its share of what is left.
            for (address, share) in addresses.iter().zip((1..=addresses.len()).rev()) {
                let share = deadline.left() / u32::try_from(share).unwrap_or(1);
                let wire = Wire::tcp(address, share.max(Duration::from_millis(1)));
                reached = wire.map(|wire| wire.until(deadline)).map_err(unreachable);
                if reached.is_ok() {
                    break;
                }
            }
            reached
        }
    };
    session(wire?, login, questions)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreachable(error: std::io::Error) -> Refused {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, TimedOut, WouldBlock};
    Refused::Unreachable(match error.kind() {
        WouldBlock | TimedOut => "no answer in time".to_owned(),
        ConnectionRefused => "connection refused".to_owned(),
        NotFound => "there is no socket".to_owned(),
        _ => error.to_string(),
    })
}

const TOO_LONG: &str = "a longer answer than there can be";
/// Most bytes of one message.
const MESSAGE: usize = 1 << 20;
/// Most bytes of a session.
const SESSION: usize = 8 << 20;
/// Most messages of one answer.
const MESSAGES: usize = 20_000;
/// More columns than any question asks for.
const COLUMNS: usize = 8;

struct Session<S> {
    stream: S,
    /// Bytes that it may still say.
    left: usize,
}

fn session<S: Read + Write>(
    stream: S,
    login: &Login<'_>,
    questions: &[&str],
) -> Result<Vec<Result<Rows, Refused>>, Refused> {
    let mut session = Session { stream, left: SESSION };
    session.log_in(login)?;
    let answers = questions.iter().map(|q| session.question(q)).collect();
    session.send(b'X', &[]).ok();
    Ok(answers)
}

impl<S: Read + Write> Session<S> {
    fn send(&mut self, kind: u8, body: &[u8]) -> Result<(), Refused> {
        let mut bytes = Vec::with_capacity(body.len() + 5);
        // The first message has no letter.
        bytes.extend((kind != 0).then_some(kind));
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        self.stream.write_all(&bytes).map_err(unreachable)
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>), Refused> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).map_err(unreachable)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let body = length.checked_sub(4).filter(|l| *l <= MESSAGE);
        let body = body.ok_or(Refused::Unspoken("another protocol"))?;
        self.left = self.left.checked_sub(body + head.len()).ok_or(Refused::Unspoken(TOO_LONG))?;
        let mut bytes = vec![0; body];
        self.stream.read_exact(&mut bytes).map_err(unreachable)?;
        if kind == b'E' {
            return Err(Refused::Server { code: field(&bytes, b'C') });
        }
        Ok((kind, bytes))
    }

    fn log_in(&mut self, login: &Login<'_>) -> Result<(), Refused> {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for (key, value) in [("user", login.user), ("database", login.database)] {
            body.extend([key.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        self.send(0, &body)?;
        for _ in 0..MESSAGES {
            let (kind, body) = self.receive()?;
            let method = body.get(..4).and_then(|m| m.try_into().ok()).map(u32::from_be_bytes);
            match (kind, method) {
                (b'Z', _) => return Ok(()),
                (b'R', Some(10)) => self.prove(login)?,
                (b'R', Some(0)) => {}
                (b'R', Some(3)) => return Err(Refused::Unspoken("the password in clear")),
                (b'R', Some(5)) => return Err(Refused::Unspoken("MD5")),
                (b'R', _) => return Err(Refused::Unspoken("another way to log in")),
                _ => {}
            }
        }
        Err(Refused::Unspoken("another protocol"))
    }

    fn prove(&mut self, login: &Login<'_>) -> Result<(), Refused> {
        let odd = Refused::Unspoken("another form of SCRAM");
        let nonce: [u8; 18] = super::random::bytes();
        let bare = format!("n=,r={}", Base64::encode_string(&nonce));
        let first = format!("n,,{bare}");
        let mut body = b"SCRAM-SHA-256\0".to_vec();
        body.extend(u32::try_from(first.len()).unwrap_or(0).to_be_bytes());
        body.extend(first.as_bytes());
        self.send(b'p', &body)?;
        let (_, body) = self.receive()?;
        let server = body.get(4..).and_then(|b| std::str::from_utf8(b).ok()).ok_or(odd.clone())?;
        let last = (login.prove)(login.password, &bare, server).ok_or(odd)?;
        self.send(b'p', last.as_bytes())?;
        // Its own proof: a server that does not know the password could not have made it, but
        // nothing is told to it here either.
        self.receive().map(drop)
    }

    fn question(&mut self, sql: &str) -> Result<Rows, Refused> {
        self.send(b'Q', &[sql.as_bytes(), b"\0"].concat())?;
        let mut rows = Rows::new();
        let mut refused = None;
        for _ in 0..MESSAGES {
            match self.receive() {
                Ok((b'Z', _)) => return refused.map_or(Ok(rows), Err),
                Ok((b'D', body)) => rows.push(columns(&body)),
                Ok(_) => {}
                Err(why @ Refused::Server { .. }) => refused = Some(why),
                Err(why) => return Err(why),
            }
        }
        Err(Refused::Unspoken(TOO_LONG))
    }
}

/// A field of an error message: a letter, then text up to a NUL.
fn field(body: &[u8], letter: u8) -> String {
    let found = body.split(|b| *b == 0).find_map(|f| match f.split_first() {
        Some((first, text)) if *first == letter => Some(text),
        _ => None,
    });
    let code = found.unwrap_or_default();
    code.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(*b)).collect()
}

/// The columns of a DataRow.
fn columns(body: &[u8]) -> Vec<String> {
    let mut rest = body.get(2..).unwrap_or_default();
    let mut columns = Vec::new();
    while let Some((length, tail)) =
        rest.split_first_chunk::<4>().filter(|_| columns.len() < COLUMNS)
    {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, tail) = tail.split_at(length.min(tail.len()));
        columns.push(String::from_utf8_lossy(value).into_owned());
        rest = tail;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        assert_eq!(field(b"SFATAL\0C28P01\0Mno\0\0", b'C'), "28P01");
        let row = [&[0, 2][..], &[0, 0, 0, 1], b"t", &[0xff; 4]].concat();
        assert_eq!(columns(&row), ["t", ""]);
        assert_eq!(columns(&vec![0; 1 << 20]).len(), COLUMNS);
    }

    /// Lets anybody in, then says `said` again and again.
    fn server(said: &'static [u8], pause: Duration) -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a server");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut guest, _) = listener.accept().expect("a guest");
            let mut all = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I".as_slice();
            while guest.write_all(all).is_ok() {
                super::super::clock::pause(pause);
                all = said;
            }
        });
        Server::Tcp(vec![address])
    }

    #[test]
    fn a_false_server_is_bounded_in_time_and_bytes() {
        static ROW: [u8; 1 << 16] = {
            let mut row = [0; 1 << 16];
            // Its length without the letter.
            (row[0], row[3], row[4]) = (b'D', 0xff, 0xff);
            row
        };
        let ask = |server: &Server, limit| {
            let password = Secret::new("x");
            let login = Login {
                server,
                user: "u",
                password: &password,
                prove: |_, _, _| None,
                database: "d",
            };
            let watch = super::super::clock::Stopwatch::new();
            let answers = ask(&login, &["SELECT 1"], limit).expect("a session");
            assert!(watch.elapsed() < Duration::from_secs(20), "{:?}", watch.elapsed());
            answers.into_iter().next().expect("an answer")
        };
        let notices = server(b"N\0\0\0\x05\0", Duration::from_millis(50));
        let late = ask(&notices, Duration::from_millis(500));
        assert_eq!(late, Err(Refused::Unreachable("no answer in time".to_owned())));
        let rows = server(&ROW, Duration::ZERO);
        assert_eq!(ask(&rows, Duration::from_secs(60)), Err(Refused::Unspoken(TOO_LONG)));
    }
}
