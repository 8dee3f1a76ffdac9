//! Directives of the sandbox that fixes.conf may set one by one.
//!
//! Only directives and values that systemd 252 knows, and none that could keep the helpers with
//! `+` from running: no paths, no users, no namespaces by name (systemd.exec(5)).

/// One directive with the value of the administrator; an empty value leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: String,
    pub value: String,
}

/// What a directive may be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// yes or no.
    Flag,
    /// yes, no or one of these words.
    FlagOr(&'static [&'static str]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Names, each perhaps with `@`, the whole perhaps after `~`.
    Names,
    /// Three or four octal digits.
    Mask,
}

/// Every directive that may be overridden, in the order of the manual.
pub const DIRECTIVES: &[&str] = &[
    "NoNewPrivileges",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateIPC",
    "PrivateUsers",
    "ProtectSystem",
    "ProtectHome",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "ProtectProc",
    "ProcSubset",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RestrictAddressFamilies",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "SystemCallErrorNumber",
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "KeyringMode",
    "RemoveIPC",
    "DevicePolicy",
    "UMask",
];

fn allowed(name: &str) -> Option<Allowed> {
    Some(match name {
        "ProtectSystem" => Allowed::FlagOr(&["full", "strict"]),
        "ProtectHome" => Allowed::FlagOr(&["read-only", "tmpfs"]),
        "ProtectProc" => Allowed::Word(&["noaccess", "invisible", "ptraceable", "default"]),
        "ProcSubset" => Allowed::Word(&["all", "pid"]),
        "KeyringMode" => Allowed::Word(&["inherit", "private", "shared"]),
        "DevicePolicy" => Allowed::Word(&["auto", "closed", "strict"]),
        "RestrictNamespaces"
        | "RestrictAddressFamilies"
        | "SystemCallArchitectures"
        | "SystemCallFilter"
        | "SystemCallErrorNumber"
        | "CapabilityBoundingSet"
        | "AmbientCapabilities" => Allowed::Names,
        "UMask" => Allowed::Mask,
        name if DIRECTIVES.contains(&name) => Allowed::Flag,
        _ => return None,
    })
}

impl Allowed {
    fn accepts(self, value: &str) -> bool {
        let flag = matches!(value, "yes" | "no");
        let name = |b: u8| b.is_ascii_alphanumeric() || b"_-@:".contains(&b);
        match self {
            Self::Flag => flag,
            Self::FlagOr(words) => flag || words.contains(&value),
            Self::Word(words) => words.contains(&value),
            Self::Names => value
                .strip_prefix('~')
                .unwrap_or(value)
                .split(' ')
                .all(|word| !word.is_empty() && word.bytes().all(name)),
            Self::Mask => {
                (3..=4).contains(&value.len()) && value.bytes().all(|b| (b'0'..=b'7').contains(&b))
            }
        }
    }
}

/// Reads the list of fixes.conf, or None when any part of it is not allowed.
pub(super) fn parse(text: &str) -> Option<Vec<Directive>> {
    split(text)?
        .into_iter()
        .map(|word| {
            let (name, value) = word.split_once('=')?;
            let fine = value.is_empty() || allowed(name)?.accepts(value);
            (fine && DIRECTIVES.contains(&name))
                .then(|| Directive { name: name.to_owned(), value: value.to_owned() })
        })
        .collect()
}

/// Words at blanks; double quotes anywhere in a word keep blanks together.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_ascii_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_and_harmless() {
        let fine = [
            ("", 0),
            ("PrivateTmp=no", 1),
            ("PrivateTmp= UMask=0077", 2),
            ("\"RestrictAddressFamilies=AF_UNIX AF_INET\" ProtectHome=read-only", 2),
            ("SystemCallFilter=~@privileged MemoryDenyWriteExecute=no", 2),
        ];
        for (text, count) in fine {
            assert_eq!(parse(text).map(|list| list.len()), Some(count), "{text}");
        }
        let bad = [
            "PrivateTmp",
            "PrivateTmp=maybe",
            "User=root",
            "User=",
            "ReadWritePaths=/",
            "UMask=8",
            "UMask=77777",
            "\"PrivateTmp=no",
            "SystemCallFilter=a;b",
        ];
        for text in bad {
            assert_eq!(parse(text), None, "{text}");
        }
        let none = Directive { name: "SystemCallErrorNumber".into(), value: String::new() };
        assert_eq!(parse("SystemCallErrorNumber="), Some(vec![none]));
    }
}
