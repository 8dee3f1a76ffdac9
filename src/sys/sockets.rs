//! Listening sockets and who holds them, from /proc (proc_net_tcp(5)); no child, no name service.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::Root;
use super::clock::Deadline;
use crate::model::{Fact, Holder};

const TABLE_LIMIT: u64 = 8 << 20;
const MAX_PROCESSES: usize = 20_000;
const MAX_FDS: usize = 4096;

/// Who listens at `address` (`127.0.0.1:8000` or `unix:/run/x.sock`).
pub fn holder(root: &Root, address: &str, deadline: &Deadline) -> Fact<Holder> {
    let inode = match address.strip_prefix("unix:") {
        Some(path) => unix_inode(root, path),
        None => match address.parse() {
            Ok(address) => tcp_inode(root, address),
            Err(_) => return Fact::Unknown(format!("\"{address}\" is not ADDRESS:PORT")),
        },
    };
    match inode {
        Fact::Known(inode) => process_with(root, inode, deadline),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}

/// True when something takes a TCP connection at `address` within `limit`.
pub fn connects(address: SocketAddr, limit: Duration) -> bool {
    TcpStream::connect_timeout(&address, limit).is_ok()
}

fn table(root: &Root, name: &str) -> Fact<String> {
    let path = Path::new("/proc/net").join(name);
    // /proc/net is a link to self/net, and self one to a directory of our own.
    let direct = root.read(&Path::new("/proc/self/net").join(name), TABLE_LIMIT);
    let bytes = match direct {
        Fact::Known(bytes) => Fact::Known(bytes),
        _ => root.read(&path, TABLE_LIMIT),
    };
    bytes.map(|b| String::from_utf8_lossy(&b).into_owned())
}

fn tcp_inode(root: &Root, wanted: SocketAddr) -> Fact<u64> {
    let mut seen = false;
    for name in ["tcp", "tcp6"] {
        let Fact::Known(text) = table(root, name) else { continue };
        seen = true;
        let hit = text.lines().skip(1).filter_map(parse_tcp).find(|(at, _)| covers(*at, wanted));
        if let Some((_, inode)) = hit {
            return Fact::Known(inode);
        }
    }
    if seen { Fact::Absent } else { Fact::Unknown("/proc/net/tcp could not be read".to_owned()) }
}

/// Listening at every address takes this one too.
fn covers(at: SocketAddr, wanted: SocketAddr) -> bool {
    at.port() == wanted.port() && (at.ip().is_unspecified() || at.ip() == wanted.ip())
}

/// One line in state LISTEN (0A): local address and inode.
fn parse_tcp(line: &str) -> Option<(SocketAddr, u64)> {
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == "0A").then_some(())?;
    Some((SocketAddr::new(parse_address(address)?, port), inode))
}

/// Words of 32 bits in the byte order of the machine.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(hex)?))),
        32 => {
            let mut bytes = Vec::with_capacity(16);
            for start in [0, 8, 16, 24] {
                bytes.extend(word(hex.get(start..start + 8)?)?);
            }
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

/// Lines of /proc/net/unix: a listening stream has the flag 00010000.
fn unix_inode(root: &Root, path: &str) -> Fact<u64> {
    let text = match table(root, "unix") {
        Fact::Known(text) => text,
        Fact::Absent => return Fact::Unknown("/proc/net/unix is missing".to_owned()),
        Fact::Unknown(why) => return Fact::Unknown(why),
    };
    let listening = |line: &str| {
        let mut fields = line.split_whitespace();
        let flags = fields.nth(3)?;
        let inode = fields.nth(2)?.parse().ok()?;
        (flags == "00010000" && fields.next()? == path).then_some(inode)
    };
    text.lines().find_map(listening).map_or(Fact::Absent, Fact::Known)
}

/// The process that has the socket open; systemd (1) when it holds it for the service.
fn process_with(root: &Root, inode: u64, deadline: &Deadline) -> Fact<Holder> {
    let wanted = format!("socket:[{inode}]");
    let Fact::Known(processes) = root.list(Path::new("/proc"), MAX_PROCESSES) else {
        return Fact::Unknown("/proc could not be read".to_owned());
    };
    let number = |n: &OsString| n.to_str()?.parse::<u32>().ok();
    for pid in processes.names.iter().filter_map(number) {
        if deadline.passed() {
            return Fact::Known(Holder::Unseen("a process that was not found in time"));
        }
        let directory = Path::new("/proc").join(pid.to_string());
        let Fact::Known(open) = root.links(&directory.join("fd"), MAX_FDS) else { continue };
        if open.iter().any(|target| target.as_os_str() == &*wanted) {
            let comm = root.read(&directory.join("comm"), 64).known().cloned().unwrap_or_default();
            let name = String::from_utf8_lossy(&comm).trim().to_owned();
            return Fact::Known(Holder::Process { name, pid });
        }
    }
    Fact::Known(Holder::Unseen("a process that cannot be seen from here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tables() {
        let v4 = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 25612 1 0000 100 0 0 10 0";
        assert_eq!(parse_tcp(v4), Some(("127.0.0.1:8000".parse().expect("an address"), 25612)));
        let v6 = "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 77 1";
        assert_eq!(parse_tcp(v6), Some(("[::]:80".parse().expect("an address"), 77)));
        assert_eq!(parse_tcp(&v4.replace(" 0A ", " 01 ")), None);
    }

    #[test]
    fn this_process_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address").to_string();
        let root = Root::open(Path::new("/")).expect("/");
        let deadline = Deadline::after(Duration::from_secs(10));
        let found = holder(&root, &address, &deadline);
        let pid = format!("[{}]", std::process::id());
        assert!(found.known().is_some_and(|h| h.to_string().ends_with(&pid)), "{found:?}");
        drop(socket);
        assert_eq!(holder(&root, &address, &deadline), Fact::Absent);
    }
}
