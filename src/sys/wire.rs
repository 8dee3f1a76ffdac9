//! Connections whose other end is not trusted: one limit for the connection, one for all that is said.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::clock::Deadline;

/// A stream, and the moment after which nothing more is read from it or written to it.
#[derive(Debug)]
pub(super) struct Wire {
    end: End,
    deadline: Deadline,
}

#[derive(Debug)]
enum End {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// To a socket of this host; `limit` holds from now, the connection included.
    pub(super) fn unix(path: &Path, limit: Duration) -> Result<Self> {
        let deadline = Deadline::after(limit);
        Ok(Self { end: End::Unix(connect_unix(path, limit)?), deadline })
    }

    /// As [`Self::unix`].
    pub(super) fn tcp(target: &SocketAddr, limit: Duration) -> Result<Self> {
        let deadline = Deadline::after(limit);
        Ok(Self { end: End::Tcp(TcpStream::connect_timeout(target, limit)?), deadline })
    }

    /// From here on until another moment.
    pub(super) fn until(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// What is left, for the next system call.
    fn left(&self) -> Result<Option<Duration>> {
        let left = self.deadline.left();
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// A listener whose queue is full would keep a plain connect(2) for ever.
pub(super) fn connect_unix(path: &Path, limit: Duration) -> Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let own = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let time = |limit: Duration| {
        let seconds = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
        TimeVal::new(seconds, limit.subsec_micros().into())
    };
    setsockopt(&own, sockopt::SendTimeout, &time(limit.max(Duration::from_micros(1))))?;
    connect(own.as_raw_fd(), &UnixAddr::new(path)?)?;
    setsockopt(&own, sockopt::SendTimeout, &time(Duration::ZERO))?;
    Ok(own.into())
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let left = self.left()?;
        match &mut self.end {
            End::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(bytes)
            }
            End::Unix(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(bytes)
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let left = self.left()?;
        match &mut self.end {
            End::Tcp(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
            End::Unix(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::super::clock::Stopwatch;
    use super::*;

    const SHORT: Duration = Duration::from_millis(300);
    const BOUND: Duration = Duration::from_secs(10);

    #[test]
    fn a_full_queue_and_a_slow_answer_have_an_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a listener");
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).expect("one"))
            .expect("a short queue");
        let watch = Stopwatch::new();
        let mut waiting = Vec::new();
        let why = loop {
            match Wire::unix(&path, SHORT) {
                Ok(wire) => waiting.push(wire),
                Err(why) => break why,
            }
            assert!(waiting.len() < 1000, "the queue is never full");
        };
        assert_eq!(why.kind(), ErrorKind::WouldBlock);
        assert!(watch.elapsed() < BOUND, "{:?}", watch.elapsed());
        // A byte at a time, for ever.
        let (mut server, _) = listener.accept().expect("a guest");
        std::thread::spawn(move || {
            while server.write_all(b"x").is_ok() {
                super::super::clock::pause(Duration::from_millis(20));
            }
        });
        let mut wire = waiting.remove(0).until(Deadline::after(SHORT));
        let (watch, mut bytes) = (Stopwatch::new(), Vec::new());
        let why = wire.read_to_end(&mut bytes).expect_err("an end");
        assert!(matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");
        assert!(!bytes.is_empty() && watch.elapsed() < BOUND, "{:?}", watch.elapsed());
    }
}
