//! What PID 1 answers: one property, as `systemctl show` would print it.

use crate::model::hex;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    Other,
}

/// Kind, and the lengths of fields and body, from the first 16 bytes of a message.
pub(super) fn body_length(head: &[u8; 16]) -> Option<(Kind, usize, usize)> {
    let [order, kind, _, version, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = *head;
    if order != b'l' || version != 1 {
        return None;
    }
    let kind = match kind {
        2 => Kind::Return,
        3 => Kind::Error,
        _ => Kind::Other,
    };
    let length = |bytes| usize::try_from(u32::from_le_bytes(bytes)).ok();
    Some((kind, length([f0, f1, f2, f3])?, length([b0, b1, b2, b3])?))
}

/// The number of the call that a message with these fields answers.
pub(super) fn answers(fields: &[u8], length: usize) -> Option<u32> {
    const REPLY_SERIAL: u8 = 5;
    let mut bytes = Bytes { bytes: fields.get(..length)?, at: 0 };
    while bytes.at < length {
        bytes.align(8);
        let code = bytes.byte()?;
        match bytes.signature()? {
            b"u" if code == REPLY_SERIAL => return bytes.u32(),
            b"u" => drop(bytes.u32()?),
            b"s" | b"o" => drop(bytes.text()?),
            b"g" => drop(bytes.signature()?),
            _ => return None,
        }
    }
    None
}

/// The value of the property `name` (a variant).
pub(super) fn parse(name: &str, body: &[u8]) -> Option<String> {
    let mut bytes = Bytes { bytes: body, at: 0 };
    Some(match bytes.signature()? {
        b"s" | b"o" => bytes.text()?.to_owned(),
        b"u" => bytes.u32()?.to_string(),
        b"i" => i32::from_le_bytes(bytes.u32()?.to_le_bytes()).to_string(),
        b"b" => yes_or_no(bytes.u32()?).to_owned(),
        b"t" => match bytes.u64()? {
            u64::MAX if name.ends_with("USec") => "infinity".to_owned(),
            micros if name.ends_with("USec") => format!("{micros}us"),
            number => number.to_string(),
        },
        b"as" => bytes.list(4, Bytes::text)?.join(" "),
        // An invocation id; that of a unit that did not run has no bytes.
        b"ay" => hex(bytes.list(1, Bytes::byte)?),
        // EnvironmentFiles=
        b"a(sb)" => bytes.list(8, environment_file)?.join("\n"),
        // Listen…=
        b"a(ss)" => bytes.list(8, listener)?.join("\n"),
        // SuccessExitStatus=: exit statuses, and signals by number.
        b"(aiai)" => {
            bytes.align(8);
            let statuses = bytes.list(4, Bytes::u32)?;
            bytes.list(4, Bytes::u32)?;
            statuses.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
        }
        // ExecStart=
        b"a(sasbttttuii)" => bytes.list(8, |bytes| command(bytes, ignored))?.join("\n"),
        // ExecStopPostEx=
        b"a(sasasttttuii)" => bytes.list(8, |bytes| command(bytes, flags))?.join("\n"),
        // Condition…= and Assert…=
        b"a(sbbsi)" => {
            bytes.list(8, condition)?.into_iter().flatten().collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    })
}

fn environment_file<'a>(bytes: &mut Bytes<'a>) -> Option<String> {
    bytes.align(8);
    let path = bytes.text()?;
    Some(format!("{path} (ignore_errors={})", yes_or_no(bytes.u32()?)))
}

fn yes_or_no(value: u32) -> &'static str {
    if value == 0 { "no" } else { "yes" }
}

/// A command with what its prefixes mean, without the times and the end of its last run.
fn command<'a>(
    bytes: &mut Bytes<'a>,
    prefixes: impl Fn(&mut Bytes<'a>) -> Option<String>,
) -> Option<String> {
    bytes.align(8);
    let path = bytes.text()?;
    let words = bytes.list(4, Bytes::text)?.join(" ");
    let prefixes = prefixes(bytes)?;
    for _ in 0..4 {
        bytes.u64()?;
    }
    for _ in 0..3 {
        bytes.u32()?;
    }
    Some(format!("{{ path={path} ; argv[]={words} ; {prefixes} }}"))
}

fn ignored(bytes: &mut Bytes) -> Option<String> {
    Some(format!("ignore_errors={}", yes_or_no(bytes.u32()?)))
}

fn flags(bytes: &mut Bytes) -> Option<String> {
    Some(format!("flags={}", bytes.list(4, Bytes::text)?.join(" ")))
}

/// One that was not met when systemd last looked, as a unit file has it; systemctl shows none.
fn condition(bytes: &mut Bytes) -> Option<Option<String>> {
    bytes.align(8);
    let name = bytes.text()?;
    let trigger = if bytes.u32()? == 0 { "" } else { "|" };
    let negated = if bytes.u32()? == 0 { "" } else { "!" };
    let value = bytes.text()?;
    // 1 met, 0 not looked at, -1 unmet.
    let unmet = bytes.u32()? == u32::MAX;
    Some(unmet.then(|| format!("{name}={trigger}{negated}{value}")))
}

fn listener<'a>(bytes: &mut Bytes<'a>) -> Option<String> {
    bytes.align(8);
    let kind = bytes.text()?;
    Some(format!("{} ({kind})", bytes.text()?))
}

struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    fn u64(&mut self) -> Option<u64> {
        self.align(8);
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.u32()?).ok()?;
        let text = self.take(length)?;
        self.byte()?;
        std::str::from_utf8(text).ok()
    }

    fn signature(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        let text = self.take(length)?;
        self.byte()?;
        Some(text)
    }

    /// An array whose items are aligned to `to`.
    fn list<T>(&mut self, to: usize, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.align(to);
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        let mut items = Vec::new();
        while self.at < end {
            items.push(item(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an item of an array is made of.
    enum Part {
        Text(&'static str),
        Number(u32),
        Long(u64),
        List(&'static [&'static str]),
    }
    use Part::{List, Long, Number, Text};

    /// An array of one structure.
    fn array(signature: &str, parts: &[Part]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(signature.len()).unwrap()];
        bytes.extend(signature.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let length_at = bytes.len();
        bytes.extend([0; 4]);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let begin = bytes.len();
        for part in parts {
            put(&mut bytes, part);
        }
        let length = u32::try_from(bytes.len() - begin).unwrap();
        bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    fn put(bytes: &mut Vec<u8>, part: &Part) {
        let to = if matches!(part, Long(_)) { 8 } else { 4 };
        bytes.resize(bytes.len().next_multiple_of(to), 0);
        match part {
            Number(n) => bytes.extend(n.to_le_bytes()),
            Long(n) => bytes.extend(n.to_le_bytes()),
            Text(text) => {
                bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
                bytes.extend(text.bytes());
                bytes.push(0);
            }
            List(items) => {
                let at = bytes.len();
                bytes.extend([0; 4]);
                items.iter().for_each(|item| put(bytes, &Text(item)));
                let length = u32::try_from(bytes.len() - at - 4).unwrap();
                bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            }
        }
    }

    #[test]
    fn commands_and_conditions() {
        let run = || [Long(0), Long(0), Long(0), Long(0), Number(0), Number(0), Number(0)];
        let argv = List(&["/g", "--bind", "x"]);
        let start: Vec<Part> = [Text("/g"), argv, Number(1)].into_iter().chain(run()).collect();
        assert_eq!(
            parse("ExecStart", &array("a(sasbttttuii)", &start)).as_deref(),
            Some("{ path=/g ; argv[]=/g --bind x ; ignore_errors=yes }")
        );
        let flags = List(&["ignore-failure", "privileged"]);
        let stop: Vec<Part> = [Text("/a"), List(&["/a"]), flags].into_iter().chain(run()).collect();
        assert_eq!(
            parse("ExecStopPostEx", &array("a(sasasttttuii)", &stop)).as_deref(),
            Some("{ path=/a ; argv[]=/a ; flags=ignore-failure privileged }")
        );
        let condition = |state: u32| {
            let name = Text("ConditionPathExists");
            let parts = [name, Number(0), Number(1), Text("/x"), Number(state)];
            parse("Conditions", &array("a(sbbsi)", &parts))
        };
        assert_eq!(condition(u32::MAX).as_deref(), Some("ConditionPathExists=!/x"));
        assert_eq!(condition(1).as_deref(), Some(""));
    }

    #[test]
    fn times() {
        let value = |number: u64| [b"\x01t\0\0\0\0\0\0".as_slice(), &number.to_le_bytes()].concat();
        assert_eq!(parse("RestartUSec", &value(7)).as_deref(), Some("7us"));
        assert_eq!(parse("TimeoutStopUSec", &value(u64::MAX)).as_deref(), Some("infinity"));
        assert_eq!(parse("XMonotonic", &value(7)).as_deref(), Some("7"));
    }

    #[test]
    fn values() {
        let cases: &[(&[u8], Option<&str>)] = &[
            (b"\x01s\0\0\x06\0\0\0failed\0", Some("failed")),
            (b"\x01i\0\0\xff\xff\xff\xff", Some("-1")),
            (b"\x01t\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", Some("1")),
            (b"\x02ay\0\x02\0\0\0\x0a\xff", Some("0aff")),
            (b"\x02ay\0\0\0\0\0", Some("")),
            (b"\x01b\0\0\x01\0\0\0", Some("yes")),
            (b"\x06(aiai)\0\x08\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", Some("0 1")),
            (b"\x02as\0\x0e\0\0\0\x01\0\0\0a\0\0\0\x01\0\0\0b\0", Some("a b")),
            (
                b"\x05a(sb)\0\0\x0c\0\0\0\0\0\0\0\x02\0\0\0/a\0\0\x01\0\0\0",
                Some("/a (ignore_errors=yes)"),
            ),
            (b"\x05a(ss)\0\0\x0f\0\0\0\0\0\0\0\x01\0\0\0S\0\0\0\x02\0\0\0/a\0", Some("/a (S)")),
            (b"\x01s\0\0\xff\0\0\0x\0", None),
            (b"", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse("", bytes).as_deref(), *expected, "{bytes:?}");
        }
        // Cut anywhere, it is not understood.
        for (bytes, _) in cases.iter().filter(|(_, e)| e.is_some_and(|e| !e.is_empty())) {
            for end in 0..bytes.len() - 1 {
                parse("", &bytes[..end]);
            }
        }
    }
}
