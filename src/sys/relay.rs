//! A waiting room for connections: they queue while nobody serves, then go where they are told.
//!
//! While a service moves, the web server in front sends its requests here. The kernel completes their
//! connections and keeps them in the listener's queue, so no visitor is refused.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{Backlog, listen};

use super::clock::pause;
use super::wire::connect_unix;

/// Longest that a new place may take to take a guest.
const CONNECT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(5);
/// Guests that are served at once: a new place must not drown in what has queued.
const AT_ONCE: usize = 64;

/// One connection; true when it was led.
type Guest = JoinHandle<bool>;

/// 1 for a guest that got no answer.
fn result(guest: Guest) -> usize {
    usize::from(!guest.join().unwrap_or(false))
}

/// A listener on a port of 127.0.0.1 that accepts nothing yet.
#[derive(Debug)]
pub struct WaitingRoom(TcpListener);

impl WaitingRoom {
    /// Opens it. Connections queue up to the kernel's limit (4096 by default), not the 128 of the
    /// standard library.
    ///
    /// # Errors
    /// The port is taken.
    pub fn open(port: u16) -> Result<Self, String> {
        let opened = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| {
            listen(&listener, Backlog::MAXALLOWABLE)?;
            listener.set_nonblocking(true)?;
            Ok(Self(listener))
        });
        opened.map_err(|error| format!("127.0.0.1:{port}: {error}"))
    }

    /// Serves what waits and what still comes, by `target` (`127.0.0.1:8080` or `unix:/run/x.sock`),
    /// until [`Relay::end`].
    pub fn lead_to(self, target: &str) -> Relay {
        let (stop, stopped) = channel::<()>();
        let target = target.to_owned();
        let serve = move || {
            let (mut guests, mut failed) = (Vec::new(), 0);
            loop {
                let (over, left): (Vec<_>, Vec<Guest>) =
                    guests.into_iter().partition(JoinHandle::is_finished);
                guests = left;
                failed += over.into_iter().map(result).sum::<usize>();
                if guests.len() >= AT_ONCE {
                    pause(LOOK);
                    continue;
                }
                // What queues is served even when the end was asked for.
                match self.0.accept() {
                    Ok((guest, _)) => {
                        let target = target.clone();
                        guests.push(thread::spawn(move || lead(&guest, &target).is_ok()));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if stopped.try_recv() == Err(TryRecvError::Disconnected) {
                            break;
                        }
                        pause(LOOK);
                    }
                    Err(_) => pause(LOOK),
                }
            }
            failed + guests.into_iter().map(result).sum::<usize>()
        };
        Relay { stop, served: thread::spawn(serve) }
    }
}

/// A waiting room whose guests are being served.
#[derive(Debug)]
pub struct Relay {
    stop: Sender<()>,
    served: JoinHandle<usize>,
}

impl Relay {
    /// Serves the queue to its end and closes; how many connections failed.
    pub fn end(self) -> usize {
        drop(self.stop);
        self.served.join().unwrap_or(usize::MAX)
    }
}

/// Both directions of one connection, to their ends.
fn lead(guest: &TcpStream, target: &str) -> io::Result<()> {
    guest.set_nonblocking(false)?;
    match target.strip_prefix("unix:") {
        Some(path) => {
            let host = connect_unix(Path::new(path), CONNECT)?;
            couple(guest, &host, |s| s.shutdown(Shutdown::Write))
        }
        None => {
            let target: SocketAddr =
                target.parse().map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
            let host = TcpStream::connect_timeout(&target, CONNECT)?;
            couple(guest, &host, |s| s.shutdown(Shutdown::Write))
        }
    }
}

fn couple<S>(guest: &TcpStream, host: &S, close: fn(&S) -> io::Result<()>) -> io::Result<()>
where
    S: Sync,
    for<'a> &'a S: io::Read + io::Write,
{
    thread::scope(|scope| {
        let there = scope.spawn(move || {
            io::copy(&mut &*guest, &mut &*host).ok();
            close(host)
        });
        let back = io::copy(&mut &*host, &mut &*guest);
        guest.shutdown(Shutdown::Both).ok();
        there.join().ok();
        back.map(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    /// Who came while nobody served is answered; a target that is gone counts as a failure.
    #[test]
    fn guests_wait_and_are_served() {
        let port = super::super::http::spare_port().expect("a port");
        let room = WaitingRoom::open(port).expect("a room");
        let mut guests: Vec<TcpStream> = (0..200)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).expect("a place in the queue"))
            .collect();
        for guest in &mut guests {
            guest.write_all(b"ask").expect("a question");
        }
        let backend = TcpListener::bind("127.0.0.1:0").expect("a backend");
        let target = backend.local_addr().expect("an address").to_string();
        let answers = thread::spawn(move || {
            for _ in 0..200 {
                let (mut stream, _) = backend.accept().expect("a guest");
                let mut asked = [0; 3];
                stream.read_exact(&mut asked).expect("a question");
                stream.write_all(b"answer").expect("an answer");
            }
        });
        let relay = room.lead_to(&target);
        for guest in &mut guests {
            let mut answer = String::new();
            guest.read_to_string(&mut answer).expect("an answer");
            assert_eq!(answer, "answer");
        }
        answers.join().expect("all asked");
        drop(guests);
        assert_eq!(relay.end(), 0);

        let room = WaitingRoom::open(port).expect("a room");
        let mut guest = TcpStream::connect(("127.0.0.1", port)).expect("a place");
        let relay = room.lead_to(&target);
        let mut answer = Vec::new();
        guest.read_to_end(&mut answer).ok();
        assert_eq!((answer.len(), relay.end()), (0, 1));
    }
}
