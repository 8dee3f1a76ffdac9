//! `meats-env restore` and `diff`.

use std::io::Write;
use std::path::Path;

use super::super::backup;
use super::files::Session;
use super::fix::masked_diff;
use super::{Done, FAILED, Stop, USAGE};
use crate::env::backup::Backup;
use crate::model::{Fact, Kind, Secret, finding};
use crate::report;

fn observe(session: &Session, path: &Path) -> Result<Vec<Backup>, Stop> {
    match backup::observe(&session.root, &session.shelf(path)) {
        Fact::Known(found) => Ok(found),
        Fact::Absent => Ok(Vec::new()),
        Fact::Unknown(why) => Err(Stop::new(FAILED, format!("backups: {why}"))),
    }
}

fn choose(path: &Path, all: &[Backup], id: Option<&str>) -> Result<Backup, Stop> {
    let found = match id {
        None => all.last(),
        Some(id) => all.iter().find(|b| id.len() >= 4 && b.id.starts_with(id)),
    };
    found.cloned().ok_or_else(|| match id {
        Some(id) => {
            let told = "see meats-env restore --list; another file is named behind the id";
            Stop::new(USAGE, format!("no backup \"{id}\" of this file; {told}"))
        }
        None => Stop::new(FAILED, format!("there is no backup of {}", path.display())),
    })
}

fn content(session: &Session, file: &Path, backup: &Backup) -> Result<Secret, Stop> {
    let path = session.shelf(file).path(backup);
    match session.root.read(&path, 64 << 20) {
        Fact::Known(bytes) => Ok(Secret::new(bytes)),
        Fact::Absent => Err(Stop::new(FAILED, format!("{}: it has vanished", path.display()))),
        Fact::Unknown(why) => Err(Stop::new(FAILED, format!("{}: {why}", path.display()))),
    }
}

pub fn restore(
    session: &Session,
    (id, file): (Option<&str>, Option<&Path>),
    list: bool,
    out: &mut dyn Write,
) -> Done {
    let path = session.path(file);
    let all = observe(session, &path)?;
    if list {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = report::escape(&name);
        for backup in all.iter().rev() {
            writeln!(out, "{}  {}  {name}", backup.id, backup.moment()).ok();
        }
        return Ok(0);
    }
    let chosen = choose(&path, &all, id)?;
    let text = content(session, &path, &chosen)?;
    let why: &'static Kind = &finding::ENV_EDITED;
    if session.root.stat(&path).is_absent() {
        session.write_new(&path, text, why)?;
        writeln!(out, "restored backup {}", chosen.id).ok();
        return Ok(0);
    }
    let input = session.read_to_change(file)?;
    if text.expose() == input.bytes {
        writeln!(out, "{}: it is as in backup {}", report::escape(&input.name), chosen.id).ok();
        return Ok(0);
    }
    let kept = session.replace(&input, text, why)?.unwrap_or_default();
    writeln!(out, "restored backup {}; the file as it was is backup {kept}", chosen.id).ok();
    Ok(0)
}

pub fn diff(
    session: &Session,
    (id, file): (Option<&str>, Option<&Path>),
    out: &mut dyn Write,
) -> Done {
    let path = session.path(file);
    let all = observe(session, &path)?;
    let chosen = choose(&path, &all, id)?;
    let before = content(session, &path, &chosen)?;
    let input = session.read(file)?;
    let text = masked_diff(before.expose(), &input.bytes);
    write!(out, "{text}").ok();
    Ok(u8::from(!text.is_empty()))
}
