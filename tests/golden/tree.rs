//! Trees of files as text: a line an entry with type, mode, owner and path, then its content.
//!
//! ```text
//! d 0755 root:root etc/projectmeats            a directory
//! f 0640 root:root etc/projectmeats/x.env      a file; its content follows:
//! | a line
//! ~ text with escapes (\x00 \n \\) and no line end of its own
//! * 1000 ~ the same so many times
//! p 0640 root:root etc/fifo                    a FIFO
//! l etc/link -> target                         a symbolic link
//! h var/log/other = etc/shadow                 a second name of a file (input only)
//! = 0755 www-data:www-data var/log             other mode and owner (input only)
//! @ 1700000000 var/log/x.log                   time of the last change (input only)
//! - etc/projectmeats                           removed, with all that is in it
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

/// Owners by name: those of the root's own passwd(5) and group(5).
const NAMES: &[(&str, u32)] =
    &[("root", 0), ("www-data", 33), ("projectmeats", 998), ("nogroup", 65534)];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Nothing,
    Bytes(Vec<u8>),
    Target(String),
}

/// One entry. `stamp` (inode, times) is not shown; it tells whether a second run wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: char,
    mode: u32,
    owner: (u32, u32),
    names: u64,
    pub content: Content,
    stamp: (u64, i64, i64, i64, i64),
}

pub type Tree = BTreeMap<String, Entry>;

/// Makes what the text says below `root`.
pub fn make(root: &Path, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (kind, rest) = line.split_at(2);
        let mut content = Vec::new();
        while let Some(more) = lines.next_if(|l| l.starts_with(['|', '~', '*'])) {
            read_content(more, &mut content);
        }
        match kind {
            "d " | "f " | "p " | "= " => object(root, kind, rest, &content),
            "l " => {
                let (path, target) = rest.split_once(" -> ").expect("l PATH -> TARGET");
                symlink(target, below(root, path)).expect(line);
            }
            "h " => {
                let (path, existing) = rest.split_once(" = ").expect("h PATH = EXISTING");
                fs::hard_link(root.join(existing), below(root, path)).expect(line);
            }
            "@ " => {
                let (seconds, path) = rest.split_once(' ').expect("@ SECONDS PATH");
                let seconds = std::time::Duration::from_secs(seconds.parse().expect("a number"));
                let file = fs::File::options().append(true).open(root.join(path)).expect(line);
                file.set_modified(std::time::UNIX_EPOCH + seconds).expect(line);
            }
            "- " => {
                let path = root.join(rest);
                if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
                    .expect(line);
            }
            _ => panic!("unknown line {line:?}"),
        }
    }
}

fn object(root: &Path, kind: &str, rest: &str, content: &[u8]) {
    let mut words = rest.splitn(3, ' ');
    let (mode, owner, path) = (words.next(), words.next(), words.next());
    let mode = u32::from_str_radix(mode.expect("mode"), 8).expect("octal mode");
    let path = below(root, path.expect("path"));
    match kind {
        "d " => fs::create_dir_all(&path).expect(rest),
        "f " => fs::write(&path, content).expect(rest),
        "p " => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).expect(rest),
        _ => {}
    }
    let (user, group) = owner.expect("owner").split_once(':').expect("user:group");
    chown(&path, Some(id(user)), Some(id(group))).expect(rest);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect(rest);
}

/// The path with its parents made, as root's, if they are missing.
fn below(root: &Path, path: &str) -> std::path::PathBuf {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
    path
}

fn id(name: &str) -> u32 {
    let known = NAMES.iter().find(|(n, _)| *n == name).map(|(_, id)| *id);
    known.or_else(|| name.parse().ok()).unwrap_or_else(|| panic!("no user or group {name}"))
}

fn name(id: u32) -> String {
    let known = NAMES.iter().find(|(_, i)| *i == id);
    known.map_or_else(|| id.to_string(), |(n, _)| (*n).to_owned())
}

fn read_content(line: &str, into: &mut Vec<u8>) {
    let (kind, rest) = line.split_at(1);
    match kind {
        "|" => {
            into.extend(rest.strip_prefix(' ').unwrap_or(rest).as_bytes());
            into.push(b'\n');
        }
        "~" => into.extend(unescape(rest.strip_prefix(' ').unwrap_or(rest))),
        _ => {
            let (count, piece) = rest.trim_start().split_once(' ').expect("* COUNT PIECE");
            let mut once = Vec::new();
            read_content(piece, &mut once);
            into.extend(once.repeat(count.parse().expect("a number")));
        }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let taken = match rest.as_bytes().first().expect("something after a backslash") {
            b'n' => (b'\n', 1),
            b'x' => (u8::from_str_radix(&rest[1..3], 16).expect("two digits"), 3),
            b'\\' => (b'\\', 1),
            other => panic!("unknown escape {:?}", char::from(*other)),
        };
        bytes.push(taken.0);
        rest = &rest[taken.1..];
    }
    bytes.extend(rest.as_bytes());
    bytes
}

/// Everything below a directory, by relative path.
pub fn observe(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![root.to_owned()];
    while let Some(dir) = pending.pop() {
        for found in fs::read_dir(&dir).expect("a directory of the test") {
            let path = found.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("an entry");
            let kind = meta.file_type();
            let (kind, content) = if kind.is_symlink() {
                let target = fs::read_link(&path).expect("a link");
                ('l', Content::Target(target.to_str().expect("UTF-8").to_owned()))
            } else if kind.is_dir() {
                pending.push(path.clone());
                ('d', Content::Nothing)
            } else if kind.is_file() {
                ('f', Content::Bytes(fs::read(&path).expect("a file")))
            } else {
                ('p', Content::Nothing)
            };
            let entry = Entry {
                kind,
                mode: meta.mode() & 0o7777,
                owner: (meta.uid(), meta.gid()),
                names: if meta.is_dir() { 1 } else { meta.nlink() },
                content,
                stamp: (
                    meta.ino(),
                    meta.mtime(),
                    meta.mtime_nsec(),
                    meta.ctime(),
                    meta.ctime_nsec(),
                ),
            };
            let path = path.strip_prefix(root).expect("below").to_str().expect("UTF-8");
            tree.insert(path.to_owned(), entry);
        }
    }
    tree
}

/// What is in `after` and not the same in `before`, and what has gone. Content is only shown
/// where it is new.
pub fn render(before: &Tree, after: &Tree) -> String {
    let mut out = String::new();
    for (path, entry) in after {
        let old = before.get(path);
        let same = |e: &Entry| Entry { stamp: entry.stamp, ..e.clone() } == *entry;
        if old.is_some_and(same) {
            continue;
        }
        if let Content::Target(target) = &entry.content {
            out.push_str(&format!("l {path} -> {target}\n"));
            continue;
        }
        let (user, group) = (name(entry.owner.0), name(entry.owner.1));
        let names =
            if entry.names > 1 { format!(" ({} names)", entry.names) } else { String::new() };
        let mode = entry.mode;
        out.push_str(&format!("{} {mode:04o} {user}:{group} {path}{names}\n", entry.kind));
        if let (Content::Bytes(bytes), true) =
            (&entry.content, old.map(|o| &o.content) != Some(&entry.content))
        {
            out.push_str(&show(bytes));
        }
    }
    for path in before.keys().filter(|p| !after.contains_key(*p)) {
        out.push_str(&format!("- {path}\n"));
    }
    out
}

/// Bytes as content lines.
fn show(bytes: &[u8]) -> String {
    let plain = |text: &str| {
        text.ends_with('\n')
            && !text.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{feff}'))
    };
    match std::str::from_utf8(bytes) {
        Ok("") => String::new(),
        Ok(text) if plain(text) => text
            .lines()
            .map(|l| if l.is_empty() { "|\n".to_owned() } else { format!("| {l}\n") })
            .collect(),
        _ => {
            let escaped: String = bytes
                .iter()
                .map(|b| match b {
                    b'\\' => "\\\\".to_owned(),
                    b'\n' => "\\n\n~ ".to_owned(),
                    b' '..=b'~' => char::from(*b).to_string(),
                    other => format!("\\x{other:02x}"),
                })
                .collect();
            format!("~ {}\n", escaped.trim_end_matches("\n~ "))
        }
    }
}
