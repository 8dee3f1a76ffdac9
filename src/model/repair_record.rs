//! What a repair changed, and how each change is taken back.
//!
//! A record is written before the first change and completed after the last: whatever interrupts a
//! repair, what it may have done is known. Contents are not in it, only where the backup is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Effect, Fact, FileKind, Owner, Plan, Secret, Seen, Stat};

/// One run of a repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRecord {
    pub schema: String,
    /// Counted from 1.
    pub number: u64,
    /// Seconds since the epoch.
    pub time: i64,
    /// When it was taken back.
    pub undone: Option<i64>,
    /// False while it runs; one that stays so was interrupted.
    pub finished: bool,
    pub steps: Vec<Step>,
    pub complete: bool,
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The id of the finding that it repaired.
    pub finding: String,
    pub path: PathBuf,
    pub change: Change,
    /// What the object was after it; None when that was not seen.
    pub after: Option<Seen>,
}

/// Before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Made,
    Owner { from: Owner, to: Owner },
    Mode { from: u32, to: u32 },
    Content { was: Seen, owner: Owner, mode: u32, backup: Option<PathBuf> },
    Moved { to: PathBuf },
}

/// What there is now of a step: the object, and the content that was kept.
#[derive(Clone, Debug)]
pub struct Look {
    pub now: Fact<Stat>,
    pub kept: Fact<Vec<u8>>,
}

/// How a step is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reversal {
    Effect(Effect),
    /// It is as it was before already.
    Nothing,
    /// Taking it back would destroy what came after; the text says what.
    Refused(String),
}

impl RepairRecord {
    pub const SCHEMA: &'static str = "projectmeats.repair/1.0";

    /// The changes that a plan will make. `stat` is what each path is before it. A path that is not
    /// UTF-8 cannot be recorded and is left out.
    pub fn begin(number: u64, time: i64, plan: &Plan, stat: impl Fn(&Path) -> Fact<Stat>) -> Self {
        let backup = |path: &Path| {
            plan.actions.iter().find_map(|a| match &a.effect {
                Effect::Backup { path: p, to, .. } if p == path => Some(to.clone()),
                _ => None,
            })
        };
        let change = |effect: &Effect| match effect {
            Effect::MakeDir { .. } | Effect::MakeFile { .. } => Some(Change::Made),
            Effect::SetOwner { owner, from, .. } => Some(Change::Owner { from: *from, to: *owner }),
            Effect::SetMode { mode, from, .. } => Some(Change::Mode { from: *from, to: *mode }),
            Effect::MoveAside { path, to, .. } => {
                Some(Change::Moved { to: path.with_file_name(to) })
            }
            Effect::Replace { path, seen, .. } => stat(path).known().map(|s| Change::Content {
                was: *seen,
                owner: Owner { uid: s.uid, gid: s.gid },
                mode: s.mode,
                backup: backup(path),
            }),
            _ => None,
        };
        let steps = plan.actions.iter().filter_map(|action| {
            let (path, change) = (action.effect.path(), change(&action.effect)?);
            path.to_str()?;
            Some(Step { finding: action.why.id.to_owned(), path, change, after: None })
        });
        Self {
            schema: Self::SCHEMA.to_owned(),
            number,
            time,
            undone: None,
            finished: false,
            steps: steps.collect(),
            complete: true,
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("{:06}.json", self.number)
    }
}

impl Step {
    /// The object that is looked at to take it back.
    pub fn object(&self) -> &Path {
        match &self.change {
            Change::Moved { to } => to,
            _ => &self.path,
        }
    }

    /// How it is taken back, given what there is now.
    pub fn reverse(&self, look: &Look) -> Reversal {
        let stat = match &look.now {
            Fact::Known(stat) => stat,
            Fact::Absent if self.change == Change::Made => return Reversal::Nothing,
            Fact::Absent => return Reversal::Refused("it is no longer there".to_owned()),
            Fact::Unknown(why) => return Reversal::Refused(why.clone()),
        };
        let (seen, path) = (Seen::from(stat), self.path.clone());
        let same = self.after.is_none_or(|after| (after.dev, after.ino) == (seen.dev, seen.ino));
        if !same {
            return Reversal::Refused("another object has its name since the repair".to_owned());
        }
        match &self.change {
            Change::Made if self.after.is_none() => {
                Reversal::Refused("the repair was interrupted; it is kept".to_owned())
            }
            Change::Made if stat.kind == FileKind::Regular && stat.size > 0 => {
                Reversal::Refused("it has been written to since; it is kept".to_owned())
            }
            Change::Made => Reversal::Effect(Effect::Unmake { path, seen }),
            Change::Owner { from, to } => match (Owner { uid: stat.uid, gid: stat.gid }) {
                now if now == *from => Reversal::Nothing,
                now if now != *to => changed("its owner"),
                now => Reversal::Effect(Effect::SetOwner { path, owner: *from, from: now, seen }),
            },
            Change::Mode { from, to } => match stat.mode {
                now if now == *from => Reversal::Nothing,
                now if now != *to => changed("its mode"),
                now => Reversal::Effect(Effect::SetMode { path, mode: *from, from: now, seen }),
            },
            Change::Content { was, .. } if (was.dev, was.ino) == (seen.dev, seen.ino) => {
                Reversal::Nothing
            }
            Change::Content { owner, mode, .. } => match (self.after, &look.kept) {
                (None, _) => Reversal::Refused(
                    "the repair was interrupted; see meats-env diff and meats-env restore"
                        .to_owned(),
                ),
                (Some(after), _) if after != seen => changed("its content"),
                (Some(_), Fact::Known(bytes)) => Reversal::Effect(Effect::Replace {
                    path,
                    content: Secret::new(bytes.clone()),
                    seen,
                    owner: Some(*owner),
                    mode: Some(*mode),
                }),
                (Some(_), _) => Reversal::Refused("the backup of it is gone".to_owned()),
            },
            Change::Moved { to } => {
                let name = self.path.file_name().unwrap_or_default().to_owned();
                Reversal::Effect(Effect::MoveAside { path: to.clone(), to: name, seen })
            }
        }
    }
}

fn changed(what: &str) -> Reversal {
    Reversal::Refused(format!("{what} has been changed since the repair"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn stat(uid: u32, mode: u32, ino: u64, size: u64) -> Stat {
        let time = Timestamp::default();
        let kind = FileKind::Regular;
        Stat { kind, uid, gid: 0, mode, links: 1, size, dev: 1, ino, ctime: time, mtime: time }
    }

    fn check(change: Change, after: Option<&Stat>, now: Fact<Stat>, expected: &str) {
        let after = after.map(Seen::from);
        let step = Step { finding: "LOG-001".to_owned(), path: "/f".into(), change, after };
        let look = Look { now, kept: Fact::Known(b"old".to_vec()) };
        let got = match step.reverse(&look) {
            Reversal::Effect(Effect::SetOwner { owner, .. }) => format!("owner {}", owner.uid),
            Reversal::Effect(Effect::SetMode { mode, .. }) => format!("mode {mode:o}"),
            Reversal::Effect(Effect::Unmake { .. }) => "unmake".to_owned(),
            Reversal::Effect(Effect::Replace { .. }) => "replace".to_owned(),
            Reversal::Effect(other) => format!("{other:?}"),
            Reversal::Nothing => "nothing".to_owned(),
            Reversal::Refused(why) => why,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn each_change_has_its_reverse_and_is_refused_when_something_came_after() {
        let root = |uid| Owner { uid, gid: 0 };
        let owner = || Change::Owner { from: root(0), to: root(9) };
        let (ours, theirs) = (stat(9, 0o664, 5, 0), stat(9, 0o664, 6, 0));
        check(owner(), Some(&ours), Fact::Known(ours), "owner 0");
        check(owner(), None, Fact::Known(stat(0, 0o664, 5, 0)), "nothing");
        let other = Fact::Known(stat(7, 0o664, 5, 0));
        check(owner(), Some(&ours), other, "its owner has been changed since the repair");
        let renamed = "another object has its name since the repair";
        check(owner(), Some(&ours), Fact::Known(theirs), renamed);
        check(owner(), Some(&ours), Fact::Absent, "it is no longer there");
        let mode = || Change::Mode { from: 0o644, to: 0o664 };
        check(mode(), Some(&ours), Fact::Known(ours), "mode 644");
        check(Change::Made, Some(&ours), Fact::Known(ours), "unmake");
        check(Change::Made, Some(&ours), Fact::Absent, "nothing");
        let used = Fact::Known(stat(9, 0o664, 5, 3));
        check(Change::Made, Some(&ours), used, "it has been written to since; it is kept");
        let was = Seen::from(&stat(0, 0o640, 4, 3));
        let content = || Change::Content { was, owner: root(0), mode: 0o640, backup: None };
        check(content(), Some(&ours), Fact::Known(ours), "replace");
        let grown = Fact::Known(stat(9, 0o664, 5, 9));
        check(content(), Some(&ours), grown, "its content has been changed since the repair");
        check(content(), None, Fact::Known(stat(0, 0o640, 4, 3)), "nothing");
    }
}
