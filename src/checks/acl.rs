//! Access control lists: who may, where the mode alone does not say it.

use super::Walker;
use crate::model::Stat;

/// An access control list as the kernel keeps it in the attribute `system.posix_acl_access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl(Vec<Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    tag: u16,
    rights: u32,
    id: u32,
}

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

impl Acl {
    /// From the attribute's bytes (Linux: `posix_acl_xattr.h`): version 2, entries of 8 bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let entries = bytes.strip_prefix(&2u32.to_le_bytes())?;
        let entry = |bytes: &[u8]| {
            let [t0, t1, r0, r1, i0, i1, i2, i3] = *bytes.first_chunk()?;
            let rights = u16::from_le_bytes([r0, r1]).into();
            let (tag, id) = (u16::from_le_bytes([t0, t1]), u32::from_le_bytes([i0, i1, i2, i3]));
            Some(Entry { tag, rights, id })
        };
        entries.chunks(8).map(entry).collect::<Option<_>>().map(Self)
    }

    /// Whether it lets this user (acl(5), access check algorithm): 1 to pass, 2 to write, 4 to read.
    pub fn lets(&self, walker: &Walker, stat: &Stat, right: u32) -> bool {
        let of = |tag: u16| self.0.iter().filter(move |entry| entry.tag == tag);
        let has = |entry: &Entry| entry.rights & right == right;
        let mask = of(MASK).all(has);
        let uid = walker.owner.uid;
        if uid == stat.uid {
            return of(USER_OBJ).any(has);
        }
        if let Some(own) = of(USER).find(|entry| entry.id == uid) {
            return has(own) && mask;
        }
        let member = |gid: u32| walker.owner.gid == gid || walker.groups.contains(&gid);
        let groups: Vec<&Entry> = of(GROUP_OBJ)
            .filter(|_| member(stat.gid))
            .chain(of(GROUP).filter(|entry| member(entry.id)))
            .collect();
        match groups.is_empty() {
            true => of(OTHER).any(has),
            false => mask && groups.into_iter().any(has),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileKind, Owner, Timestamp};

    fn acl(entries: &[(u16, u16, u32)]) -> Acl {
        let mut bytes = 2u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        Acl::parse(&bytes).unwrap()
    }

    #[test]
    fn the_first_entry_that_fits_decides() {
        let time = Timestamp { secs: 0, nanos: 0 };
        let (kind, links, size) = (FileKind::Regular, 1, 0);
        let (dev, ino, ctime, mtime) = (0, 0, time, time);
        let stat = |uid, gid| Stat { kind, uid, gid, mode: 0, links, size, dev, ino, ctime, mtime };
        let walker = Walker { owner: Owner { uid: 7, gid: 8 }, groups: vec![9] };
        let none = u32::MAX;
        let base = [(USER_OBJ, 6, none), (GROUP_OBJ, 4, none), (OTHER, 0, none)];
        let with = |more: &[(u16, u16, u32)]| acl(&[&base, more].concat());
        let named = with(&[(USER, 6, 7), (MASK, 6, none)]);
        let cases = [
            (&named, stat(0, 0), 2, true),
            (&named, stat(0, 0), 1, false),
            (&with(&[(USER, 6, 7), (MASK, 4, none)]), stat(0, 0), 2, false),
            (&with(&[(USER, 0, 7), (MASK, 6, none)]), stat(0, 9), 4, false),
            (&with(&[(GROUP, 6, 9), (MASK, 6, none)]), stat(0, 8), 2, true),
            (&with(&[(GROUP, 6, 5), (MASK, 6, none)]), stat(0, 8), 2, false),
            (&with(&[(GROUP, 6, 5), (MASK, 6, none)]), stat(0, 0), 4, false),
            (&named, stat(7, 0), 2, true),
        ];
        for (acl, stat, right, expected) in cases {
            assert_eq!(acl.lets(&walker, &stat, right), expected, "{acl:?} {stat:?} {right}");
        }
    }

    #[test]
    fn other_forms_are_not_read() {
        for bytes in [&b""[..], b"\x01\0\0\0", b"\x02\0\0\0\x01\0\x06\0"] {
            assert_eq!(Acl::parse(bytes), None, "{bytes:?}");
        }
    }
}
