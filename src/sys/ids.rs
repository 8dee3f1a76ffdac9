//! Users and groups from the files themselves: NSS in a static program crashes when the name is
//! unknown (glibc loads modules for the next source in nsswitch.conf).

use std::path::Path;
use std::sync::OnceLock;

use super::Root;
use crate::model::{Fact, Names};

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// The two files. Each is read when it is first asked for, and only the lines that a question is
/// about are taken apart.
#[derive(Debug)]
pub struct Accounts<'a> {
    root: Option<&'a Root>,
    passwd: OnceLock<String>,
    group: OnceLock<String>,
}

const LIMIT: u64 = 16 << 20;

impl<'a> Accounts<'a> {
    /// `/etc/passwd` and `/etc/group` of a host; an unreadable file counts as empty.
    pub fn observe(root: &'a Root) -> Self {
        Self { root: Some(root), passwd: OnceLock::new(), group: OnceLock::new() }
    }

    /// Both texts as they are; malformed lines are skipped, as libc does.
    pub fn parse(passwd: &str, group: &str) -> Self {
        Self { root: None, passwd: passwd.to_owned().into(), group: group.to_owned().into() }
    }

    fn read(&self, path: &str) -> String {
        match self.root.map(|root| root.system_file(Path::new(path), LIMIT)) {
            Some(Fact::Known(bytes)) => String::from_utf8(bytes)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
            Some(Fact::Absent | Fact::Unknown(_)) | None => String::new(),
        }
    }

    fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        lines(self.passwd.get_or_init(|| self.read("/etc/passwd")))
    }

    fn groups(&self) -> impl Iterator<Item = (&str, &str)> {
        lines(self.group.get_or_init(|| self.read("/etc/group")))
    }

    /// A user by name, or by number (which need not be in the file; its group is then the same).
    pub fn find_user(&self, word: &str) -> Option<User> {
        let named = self.users().filter(|(name, _)| *name == word).find_map(user);
        if named.is_some() {
            return named;
        }
        let uid: u32 = word.parse().ok()?;
        Some(self.by_uid(uid).unwrap_or(User { name: word.to_owned(), uid, gid: uid }))
    }

    /// The account with this number.
    pub fn by_uid(&self, uid: u32) -> Option<User> {
        self.users().filter_map(user).find(|u| u.uid == uid)
    }

    /// A group's number by name or number.
    pub fn find_gid(&self, word: &str) -> Option<u32> {
        let named = self.groups().filter(|(name, _)| *name == word).find_map(|g| gid(g.1));
        named.or_else(|| word.parse().ok())
    }

    /// The groups that a user is a member of, without the primary one.
    pub fn supplementary(&self, user: &str) -> Vec<u32> {
        let member = |rest: &str| {
            rest.split(':').nth(2).is_some_and(|members| members.split(',').any(|m| m == user))
        };
        self.groups().filter(|(_, rest)| member(rest)).filter_map(|(_, rest)| gid(rest)).collect()
    }
}

/// The name of a line, and the fields behind it.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':'))
}

/// A line of passwd(5): password, uid, gid, …
fn user((name, rest): (&str, &str)) -> Option<User> {
    let mut fields = rest.split(':').skip(1);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(User { name: name.to_owned(), uid, gid })
}

/// Of a line of group(5): password, gid, members.
fn gid(rest: &str) -> Option<u32> {
    rest.split(':').nth(1)?.parse().ok()
}

impl Names for Accounts<'_> {
    fn user(&self, uid: u32) -> String {
        self.by_uid(uid).map_or_else(|| uid.to_string(), |u| u.name)
    }

    fn group(&self, wanted: u32) -> String {
        let known = self.groups().find(|(_, rest)| gid(rest) == Some(wanted));
        known.map_or_else(|| wanted.to_string(), |(name, _)| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let accounts = Accounts::parse(
            "root:x:0:0:root:/root:/bin/sh\nmeats:x:998:33::/opt:/bin/false\nbroken line\n",
            "root:x:0:\nwww-data:x:33:meats,other\nadm:x:4:\n",
        );
        assert_eq!(accounts.find_user("meats").map(|u| (u.uid, u.gid)), Some((998, 33)));
        assert_eq!(accounts.find_user("998").map(|u| u.name), Some("meats".to_owned()));
        assert_eq!(accounts.find_user("1234").map(|u| u.gid), Some(1234));
        assert_eq!(accounts.find_user("nobody-here"), None);
        assert!(accounts.by_uid(998).is_some() && accounts.by_uid(999).is_none());
        assert_eq!(accounts.find_gid("www-data"), Some(33));
        assert_eq!(accounts.find_gid("77"), Some(77));
        assert_eq!(accounts.find_gid("nope"), None);
        assert_eq!(accounts.supplementary("meats"), vec![33]);
        assert_eq!(accounts.user(5), "5");
        assert_eq!(accounts.group(4), "adm");
    }
}
