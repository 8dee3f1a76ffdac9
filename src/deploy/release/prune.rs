//! What deployments leave behind: old releases, dumps, logs, packed code of killed runs.

use std::path::PathBuf;

use super::super::parts::as_root;
use super::super::step::{Step, Undo, Work};
use super::layout::{Layout, Release};
use crate::model::Effect;

/// Seconds to remove a release.
const REMOVE: u64 = 600;
/// Logs of so many runs stay for each release that does.
const LOGS: usize = 10;

/// Files of earlier runs, newest first.
#[derive(Clone, Debug, Default)]
pub struct Leavings {
    pub dumps: Vec<PathBuf>,
    pub logs: Vec<PathBuf>,
    /// Packed code: only a killed run leaves it.
    pub packed: Vec<PathBuf>,
}

/// Removes old releases, given in the order in which they were made: `keep` complete ones stay besides the live one; incomplete ones go.
/// Never the live one, the newest complete one before it, or one that a process runs from.
/// Without a layout there are none, but dumps and logs. At least one of each stays.
pub fn plan_prune(
    layout: Option<&Layout>,
    releases: &[Release],
    leavings: &Leavings,
    keep: usize,
) -> Vec<Step> {
    let keep = keep.max(1);
    let mut steps: Vec<Step> =
        layout.map(|layout| old_releases(layout, releases, keep)).unwrap_or_default();
    let dumps = leavings.dumps.iter().skip(keep);
    let logs = leavings.logs.iter().skip(keep.saturating_mul(LOGS));
    steps.extend(dumps.chain(logs).chain(&leavings.packed).map(|path| {
        let work = vec![Work::Effect(Effect::Remove { path: path.clone() })];
        gone(&path.display().to_string(), work)
    }));
    steps
}

fn old_releases(layout: &Layout, releases: &[Release], keep: usize) -> Vec<Step> {
    let newest = releases.iter().rev().filter(|r| r.complete && !r.live).take(keep);
    let before = releases.iter().take_while(|r| !r.live).filter(|r| r.complete).last();
    let kept: Vec<&str> = newest.chain(before).map(|r| r.name.as_str()).collect();
    let goes = |r: &&Release| !r.live && !r.in_use && !kept.contains(&r.name.as_str());
    let remove = |release: &Release| {
        let path = layout.release(&release.name).display().to_string();
        let argv = ["/usr/bin/rm", "--recursive", "--force", "--one-file-system", "--", &path];
        gone(&path, vec![as_root(&argv, REMOVE)])
    };
    releases.iter().filter(goes).map(remove).collect()
}

fn gone(path: &str, work: Vec<Work>) -> Step {
    Step {
        name: "remove",
        changes: format!("{path} is removed"),
        work,
        undo: Undo::Kept("what is removed is gone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(
        layout: Option<&Layout>,
        found: &[Release],
        leavings: &Leavings,
        keep: usize,
    ) -> Vec<String> {
        plan_prune(layout, found, leavings, keep).iter().map(|s| s.changes.clone()).collect()
    }

    #[test]
    fn prune_spares_what_is_needed() {
        let layout = Layout {
            releases: "/r".into(),
            current: "/c".into(),
            shared: "/s".into(),
            project: "p".into(),
            venv: "v".into(),
        };
        let release = |name: &str, complete, live, in_use| Release {
            name: name.into(),
            complete,
            live,
            in_use,
        };
        let found = [
            release("1", true, false, false),
            release("2", true, false, true),
            release("3", true, false, false),
            release("4", true, true, false),
            release("5", false, false, false),
        ];
        let none = Leavings::default();
        let gone = ["/r/1 is removed", "/r/5 is removed"];
        assert_eq!(changes(Some(&layout), &found, &none, 0), gone);
        assert!(changes(Some(&layout), &found[..4], &none, 3).is_empty());
        // After a way back: newer ones stay, and the one before the live one.
        let live = |number: usize| {
            let names = ["1", "2", "3", "04", "5"];
            let made = names.iter().enumerate();
            made.map(|(n, name)| release(name, true, n == number, false)).collect::<Vec<_>>()
        };
        assert_eq!(
            changes(Some(&layout), &live(2), &none, 1),
            ["/r/1 is removed", "/r/04 is removed"]
        );
        assert_eq!(changes(Some(&layout), &live(4), &none, 1).len(), 3);
        assert!(changes(None, &found, &none, 1).is_empty());
    }

    #[test]
    fn the_newest_dumps_and_logs_stay() {
        let files = |word: &str, count: usize| {
            (0..count).map(|n| PathBuf::from(format!("/{word}{n}"))).collect::<Vec<_>>()
        };
        let leavings =
            Leavings { dumps: files("d", 3), logs: files("l", 22), packed: files("p", 1) };
        let expected = ["/d2 is removed", "/l20 is removed", "/l21 is removed", "/p0 is removed"];
        assert_eq!(changes(None, &[], &leavings, 2), expected);
        assert_eq!(changes(None, &[], &leavings, 0).len(), 2 + 12 + 1);
    }
}
