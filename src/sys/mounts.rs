//! The table of mounts (proc_pid_mountinfo(5)). It is the kernel's own: no file system is asked.

use std::path::Path;

/// Where the table of this process is.
pub const TABLE: &str = "/proc/self/mountinfo";

/// One mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    pub id: u64,
    /// Where it is; blanks and backslashes are written `\040`, `\134`.
    pub point: &'a Path,
    /// Nobody writes through it, whatever the file system would allow.
    pub read_only: bool,
    /// `ext4`, `fuse.sshfs`.
    pub kind: &'a str,
}

/// The lines of the table; one that is not understood is left out.
pub fn parse(table: &str) -> impl Iterator<Item = Mount<'_>> {
    table.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut fields = mount.split(' ');
        let (id, point) = (fields.next()?.parse().ok()?, fields.nth(3)?);
        let read_only = fields.next()?.split(',').any(|option| option == "ro");
        Some(Mount { id, point: Path::new(point), read_only, kind: source.split(' ').next()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let table = "36 35 98:0 /mnt1 /mnt/two rw,noatime master:1 - ext3 /dev/root rw\n\
            37 36 0:9 / /srv/a\\040b nosuid,ro - fuse.sshfs host: rw\n\
            nonsense\n";
        let mounts: Vec<_> = parse(table).collect();
        let (two, far) = (Path::new("/mnt/two"), Path::new("/srv/a\\040b"));
        let two = Mount { id: 36, point: two, read_only: false, kind: "ext3" };
        let far = Mount { id: 37, point: far, read_only: true, kind: "fuse.sshfs" };
        assert_eq!(mounts, [two, far]);
    }
}
