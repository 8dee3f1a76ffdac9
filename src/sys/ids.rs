//! Users and groups from the files themselves: NSS in a static program crashes when the name is
//! unknown (glibc loads modules for the next source in nsswitch.conf).

use std::path::Path;

use super::Root;
use crate::model::{Fact, Names};

/// A line of passwd(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// A line of group(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    pub members: Vec<String>,
}

/// The two files, parsed.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

const LIMIT: u64 = 16 << 20;

impl Accounts {
    /// Reads `/etc/passwd` and `/etc/group`; an unreadable file counts as empty.
    pub fn observe(root: &Root) -> Self {
        let text = |path: &str| match root.system_file(Path::new(path), LIMIT) {
            Fact::Known(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Fact::Absent | Fact::Unknown(_) => String::new(),
        };
        Self::parse(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// Parses both texts; malformed lines are skipped, as libc does.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let users = passwd.lines().filter_map(|line| {
            let mut f = line.split(':');
            let (name, _, uid, gid) = (f.next()?, f.next()?, f.next()?, f.next()?);
            Some(User { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        });
        let groups = group.lines().filter_map(|line| {
            let mut f = line.split(':');
            let (name, _, gid) = (f.next()?, f.next()?, f.next()?);
            let members = f.next().unwrap_or_default().split(',').filter(|m| !m.is_empty());
            Some(Group {
                name: name.to_owned(),
                gid: gid.parse().ok()?,
                members: members.map(str::to_owned).collect(),
            })
        });
        Self { users: users.collect(), groups: groups.collect() }
    }

    /// A user by name, or by number (which need not be in the file; its group is then the same).
    pub fn find_user(&self, word: &str) -> Option<User> {
        if let Some(user) = self.users.iter().find(|u| u.name == word) {
            return Some(user.clone());
        }
        let uid: u32 = word.parse().ok()?;
        let known = self.users.iter().find(|u| u.uid == uid).cloned();
        Some(known.unwrap_or(User { name: word.to_owned(), uid, gid: uid }))
    }

    /// A group's number by name or number.
    pub fn find_gid(&self, word: &str) -> Option<u32> {
        let named = self.groups.iter().find(|g| g.name == word).map(|g| g.gid);
        named.or_else(|| word.parse().ok())
    }

    /// The groups that a user is a member of, without the primary one.
    pub fn supplementary(&self, user: &str) -> Vec<u32> {
        let member = |g: &&Group| g.members.iter().any(|m| m == user);
        self.groups.iter().filter(member).map(|g| g.gid).collect()
    }
}

impl Names for Accounts {
    fn user(&self, uid: u32) -> String {
        let user = self.users.iter().find(|u| u.uid == uid);
        user.map_or_else(|| uid.to_string(), |u| u.name.clone())
    }

    fn group(&self, gid: u32) -> String {
        let group = self.groups.iter().find(|g| g.gid == gid);
        group.map_or_else(|| gid.to_string(), |g| g.name.clone())
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
        assert_eq!(accounts.find_gid("www-data"), Some(33));
        assert_eq!(accounts.find_gid("77"), Some(77));
        assert_eq!(accounts.find_gid("nope"), None);
        assert_eq!(accounts.supplementary("meats"), vec![33]);
        assert_eq!(accounts.user(5), "5");
        assert_eq!(accounts.group(4), "adm");
    }
}
