//! The content of the env file: what the repair's own planner finds in it.

use std::path::Path;

use super::{Check, Facts, Step, Verdict, first_and_more, settings};
use crate::model::{Fact, Finding, Kind, Repair, Subject, finding};
use crate::unit::WALL;

/// Syntax and meaning of the env file.
pub const CONTENT: Check = Check { kinds, run: content };

/// The file that the application's own library opens.
pub const STRAY: Check = Check { kinds: || vec![&finding::STRAY_UNREADABLE], run: stray };

/// Every kind of the group but those about access, which are the trees', and of other files.
fn kinds() -> Vec<&'static Kind> {
    let mut others = (super::drift::TREES.kinds)();
    others.push(&finding::STRAY_UNREADABLE);
    let content = |k: &&'static Kind| k.id.starts_with("ENV-") && !others.contains(k);
    finding::all().filter(content).collect()
}

fn content(facts: &Facts) -> Verdict {
    Verdict::of(&facts.trees_seen, "root", |()| {
        let planned = settings::planned(facts, &kinds()).into_iter();
        let planned = planned.map(|f| remedied(facts, f));
        planned.chain(other_files(facts)).collect()
    })
}

/// The commands that end it. A key stands in them only where it is one that is known by name: the
/// rest of the file may be the service user's.
fn remedied(facts: &Facts, finding: Finding) -> Finding {
    if !finding.commands.is_empty() || finding.repair == Repair::Automatic {
        return finding;
    }
    const SET: &[&str] = &[
        "DEBUG",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "CSRF_TRUSTED_ORIGINS",
        "CORS_ALLOWED_ORIGINS",
        "SECURE_SSL_REDIRECT",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
    ];
    const FRESH: &[&Kind] = &[
        &finding::SECRET_KEY_EMPTY,
        &finding::SECRET_KEY_MISSING,
        &finding::UNREAD_KEY,
        &finding::SECRET_KEY_WEAK,
        &finding::PLACEHOLDER,
        &finding::SED_AMPERSAND,
        &finding::PUBLISHED,
    ];
    const REFUSED: &[&Kind] = &[&finding::NUL_BYTE, &finding::INVALID_UTF8];
    const BY_HAND: &[&Kind] = &[
        &finding::ALLOWED_HOSTS_MISSING,
        &finding::DATABASE_URL_MALFORMED,
        &finding::NOT_BOOLEAN,
        &finding::PLACEHOLDER,
        &finding::PUBLISHED,
    ];
    let kind = finding.kind;
    let key = finding.subject.key.clone().unwrap_or_default();
    let restart = ["systemctl", "restart", facts.config.service.value.as_str()];
    let named = [&finding::SECRET_KEY_MISSING, &finding::UNREAD_KEY];
    let secret = key == "SECRET_KEY" || named.contains(&kind);
    if FRESH.contains(&kind) && secret {
        let fresh = ["meats-env", "generate", "--key", "SECRET_KEY"];
        return finding.command(&fresh).command(&restart);
    }
    if kind == &finding::RISKY_KEY && WALL.contains(&key.as_str()) {
        return finding.command(&["meats-env", "unset", &key]).command(&restart);
    }
    let proposed = finding.repair == Repair::Asks;
    let by_hand = !proposed || [&finding::PUBLISHED, &finding::PLACEHOLDER].contains(&kind);
    if BY_HAND.contains(&kind) && SET.contains(&key.as_str()) && by_hand {
        return finding.command(&["meats-env", "set", &key]).command(&restart);
    }
    if kind == &finding::EMPTY_FILE {
        return finding.command(&["meats-env", "restore"]).command(&restart);
    }
    if proposed || REFUSED.contains(&kind) {
        let ask = ["meats-env", "fix", "--interactive"];
        return finding.command(&ask).command(&restart);
    }
    finding.command(&["meats-env", "check"])
}

/// Another file that sets a key to another value: it wins, or somebody believes that it does.
fn other_files(facts: &Facts) -> Vec<Finding> {
    facts
        .other_files
        .iter()
        .filter_map(|(path, keys)| {
            let keys = first_and_more(keys)?;
            let detail = format!("it sets another value of {keys} than the env file");
            let found = Finding::new(&finding::SECOND_FILE, Subject::file(path), detail);
            Some(found.command(&["meats-env", "readers"]))
        })
        .collect()
}

/// Where root alone can write, the file is the administrator's and the service may read it. Where the
/// service user can, it moves the file aside itself: root changes nothing there.
fn give(facts: &Facts, path: &Path) -> Vec<Vec<String>> {
    let text = path.to_string_lossy();
    let user = facts.config.user.value.as_str();
    let way = &facts.stray_way;
    let walker = facts.walker.as_ref().filter(|w| w.owner.uid != 0);
    let writes = |step: &Step| walker.is_some_and(|w| w.may(&step.1, 2));
    let aside = format!("{text}.aside");
    let group = match walker.filter(|_| facts.config.own_group) {
        Some(walker) => walker.owner.gid.to_string(),
        None => facts.config.group.value.clone(),
    };
    let commands: &[&[&str]] = if way.last().is_some_and(writes) {
        &[&["runuser", "-u", user, "--", "mv", "-T", &text, &aside]]
    } else if way.iter().all(|(_, stat)| stat.is_roots_alone()) {
        &[&["chgrp", &group, &text], &["chmod", "g+r", &text]]
    } else {
        &[&["ls", "-l", &text]]
    };
    commands.iter().map(|words| words.iter().map(|w| (*w).to_owned()).collect()).collect()
}

/// A file that the service user may not read ends python-decouple, even when every key is in the
/// environment.
fn stray(facts: &Facts) -> Verdict {
    // Nothing else opens it.
    if facts.packages.environment.judged().find("python-decouple").is_none() {
        return Verdict::NotApplicable;
    }
    match &facts.stray {
        Fact::Absent => Verdict::Looked(Vec::new()),
        stray => Verdict::of(stray, "root", |step| refused(facts, step).into_iter().collect()),
    }
}

fn refused(facts: &Facts, (path, stat): &Step) -> Option<Finding> {
    facts.walker.as_ref().filter(|w| !w.may(stat, 4))?;
    let user = &facts.config.user.value;
    let detail =
        format!("{user} may not read it (mode {:04o}), and python-decouple opens it", stat.mode);
    let found = Finding::new(&finding::STRAY_UNREADABLE, Subject::file(path), detail);
    let restart = ["systemctl", "restart", facts.config.service.value.as_str()];
    let mut found = found;
    found.commands = give(facts, path);
    Some(found.command(&restart))
}
