//! PID 1 over its own socket, for root: properties of a unit in one exchange and without a child.
//!
//! As much of D-Bus as this takes (<https://dbus.freedesktop.org/doc/dbus-specification.html>): the
//! calls go out together, the answers come in any order. What is not understood is an error, and
//! systemctl is asked instead.

mod answer;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::sys::wire::Wire;
use answer::{Kind, body_length, parse};

const SOCKET: &str = "/run/systemd/private";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const LISTENING: &str = "org.freedesktop.systemd1.Socket";

/// Properties that can be asked for here, and the interfaces that they belong to
/// (org.freedesktop.systemd1(5)).
const PROPERTIES: &[(&str, &str)] = &[
    ("ActiveEnterTimestampMonotonic", UNIT),
    ("ActiveState", UNIT),
    ("AssertResult", UNIT),
    ("Asserts", UNIT),
    ("ConditionResult", UNIT),
    ("ConditionTimestampMonotonic", UNIT),
    ("Conditions", UNIT),
    ("DropInPaths", UNIT),
    ("Environment", SERVICE),
    ("EnvironmentFiles", SERVICE),
    ("ExecMainCode", SERVICE),
    ("ExecMainExitTimestampMonotonic", SERVICE),
    ("ExecMainStartTimestampMonotonic", SERVICE),
    ("ExecMainStatus", SERVICE),
    ("ExecStart", SERVICE),
    ("ExecStopPostEx", SERVICE),
    ("FragmentPath", UNIT),
    ("InactiveExitTimestampMonotonic", UNIT),
    ("InvocationID", UNIT),
    ("Listen", LISTENING),
    ("LoadState", UNIT),
    ("LogRateLimitBurst", SERVICE),
    ("MainPID", SERVICE),
    ("NRestarts", SERVICE),
    ("NeedDaemonReload", UNIT),
    ("Restart", SERVICE),
    ("RestartUSec", SERVICE),
    ("Result", SERVICE),
    ("StartLimitBurst", UNIT),
    ("StartLimitIntervalUSec", UNIT),
    ("SubState", UNIT),
    ("SuccessExitStatus", SERVICE),
    ("TimeoutStopUSec", SERVICE),
    ("TriggeredBy", UNIT),
    ("UnitFileState", UNIT),
    ("User", SERVICE),
];

/// The properties as `systemctl show` prints them; None when one of them is not known here.
pub(super) fn properties(
    unit: &str,
    names: &[&str],
    limit: Duration,
) -> Option<Result<BTreeMap<String, String>, String>> {
    let known = |name: &&str| PROPERTIES.iter().find(|(known, _)| known == name).copied();
    let wanted: Vec<(&str, &str)> = names.iter().filter_map(known).collect();
    let has = |(_, interface): &(&str, &str)| match *interface {
        SERVICE => unit.ends_with(".service"),
        LISTENING => unit.ends_with(".socket"),
        _ => true,
    };
    let asked = wanted.len() == names.len() && wanted.iter().all(has);
    asked.then(|| exchange(unit, &wanted, limit).map_err(|e| format!("\"{SOCKET}\": {e}")))
}

fn exchange(
    unit: &str,
    wanted: &[(&str, &str)],
    limit: Duration,
) -> std::io::Result<BTreeMap<String, String>> {
    let mut input = BufReader::new(Wire::unix(Path::new(SOCKET), limit)?);
    // The identity comes with the socket; "30" is the user 0. Calls must wait for the OK: what PID 1
    // has read together with BEGIN (up to 256 bytes) lies there until something else comes.
    input.get_mut().write_all(b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n")?;
    accepted(&mut input)?;
    let mut calls = Vec::new();
    let path = object_path(unit);
    for (number, (name, interface)) in (1..).zip(wanted) {
        calls.extend(call(number, &path, interface, name));
    }
    input.get_mut().write_all(&calls)?;
    let mut found = BTreeMap::new();
    while found.len() < wanted.len() {
        let (kind, number, bytes) = message(&mut input)?;
        let name = usize::try_from(number).ok().and_then(|n| wanted.get(n.checked_sub(1)?));
        let Some((name, _)) = name else { continue };
        if kind != Kind::Return {
            return Err(other("PID 1 refused a question"));
        }
        let text =
            parse(name, &bytes).ok_or_else(|| other("an answer of PID 1 was not understood"))?;
        found.insert((*name).to_owned(), text);
    }
    Ok(found)
}

fn other(why: &'static str) -> std::io::Error {
    std::io::Error::other(why)
}

/// Most bytes of one answer, and of the line that accepts us.
const ANSWER: usize = 1 << 20;
const LINE: u64 = 256;

/// `OK …` of the handshake.
fn accepted(input: &mut impl BufRead) -> std::io::Result<()> {
    let mut line = Vec::new();
    input.take(LINE).read_until(b'\n', &mut line)?;
    if line.starts_with(b"OK ") { Ok(()) } else { Err(other("PID 1 does not let us in")) }
}

/// Kind, the number of the call that it answers, and the body.
fn message(input: &mut impl Read) -> std::io::Result<(Kind, u32, Vec<u8>)> {
    let mut head = [0; 16];
    input.read_exact(&mut head)?;
    let (kind, fields, body) = body_length(&head).ok_or_else(|| other("no D-Bus message"))?;
    if fields + body > ANSWER {
        return Err(other("an answer is too long"));
    }
    let mut bytes = vec![0; fields.next_multiple_of(8)];
    input.read_exact(&mut bytes)?;
    let number = answer::answers(&bytes, fields).unwrap_or(0);
    let mut bytes = vec![0; body];
    input.read_exact(&mut bytes)?;
    Ok((kind, number, bytes))
}

/// The object of a unit: what is no letter or digit becomes `_` and two hex digits, and so does a
/// digit at the beginning.
fn object_path(unit: &str) -> String {
    let mut path = "/org/freedesktop/systemd1/unit/".to_owned();
    for (n, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || n > 0 && byte.is_ascii_digit() {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

/// `org.freedesktop.DBus.Properties.Get(interface, name)`
fn call(number: u32, path: &str, interface: &str, name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, interface);
    text(&mut body, name);
    // Little endian, a call, no flags, version 1.
    let mut bytes = vec![b'l', 1, 0, 1];
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(number.to_le_bytes());
    let mut fields = Vec::new();
    for (code, value) in [(1, path), (2, "org.freedesktop.DBus.Properties"), (3, "Get")] {
        pad(&mut fields, 8);
        fields.extend([code, 1, if code == 1 { b'o' } else { b's' }, 0]);
        text(&mut fields, value);
    }
    pad(&mut fields, 8);
    fields.extend([8, 1, b'g', 0, 2, b's', b's', 0]);
    bytes.extend((fields.len() as u32).to_le_bytes());
    bytes.extend(fields);
    pad(&mut bytes, 8);
    bytes.extend(body);
    bytes
}

fn text(bytes: &mut Vec<u8>, value: &str) {
    pad(bytes, 4);
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes.push(0);
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects() {
        let cases = [
            ("a-b.service", "/org/freedesktop/systemd1/unit/a_2db_2eservice"),
            ("1@x.service", "/org/freedesktop/systemd1/unit/_31_40x_2eservice"),
        ];
        for (unit, expected) in cases {
            assert_eq!(object_path(unit), expected);
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_for_systemctl() {
        assert!(
            properties("a.service", &["ActiveState", "ControlGroup"], Duration::ZERO).is_none()
        );
        assert!(properties("a.socket", &["Result"], Duration::ZERO).is_none());
        assert!(properties("a.service", &["Listen"], Duration::ZERO).is_none());
    }
}
