//! What is wrong with a file, and what of it is repaired without asking.
//!
//! Invariant: every automatic edit has passed the gate; a repaired file judged again is not changed.
//! The one exception to the gate is the surplus `=` of [`super::decide`], which has a check of its own.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use super::defect::sort_by_place;
use super::double_equals::{SECRET_KEY, strip};
use super::gate::Gate;
use super::inspect::inspect;
use super::line_index::line_of;
use super::scan::{NodeKind, scan};
use super::systemd::survey;
use super::{
    Application, Defect, DoubleEquals, EDIT_LIMIT, Edit, Evidence, Rules, Verdict, application,
    apply_edits, candidates, decide, encode, read, slice,
};
use crate::model::{Finding, Kind, Repair, Secret, finding};

/// What has to be known besides the bytes.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Named in findings.
    pub path: PathBuf,
    pub double_equals: DoubleEquals,
    pub evidence: Evidence,
    /// What the application needs; `None` for files of unknown use.
    pub application: Option<Application>,
}

/// The whole judgement.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What is wrong with the bytes as they are, by line.
    pub defects: Vec<Defect>,
    /// The file after all automatic repairs; `None` when there is nothing to change.
    pub repaired: Option<Secret>,
    /// What was mended on the way, also defects that only showed after another repair.
    pub applied: Vec<Defect>,
    /// Number of keys that systemd reads in the bytes as they are.
    pub keys: usize,
}

/// The part that a repairer needs.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The new content; `None` when nothing is to be written.
    pub bytes: Option<Secret>,
    /// What the new content mends.
    pub applied: Vec<Finding>,
    /// What is left: proposals, warnings, refusals.
    pub left: Vec<Finding>,
}

/// Rounds and gate questions are bounded, whatever the file holds.
const MAX_ROUNDS: usize = 8;
const MAX_QUESTIONS: usize = 256;

/// Judges a file.
pub fn judge(bytes: &[u8], ctx: &Context) -> Judgement {
    let gate = Gate::new(bytes);
    let mut defects = inspect(bytes, &gate, ctx);
    let refused = defects.iter().any(|d| d.finding.repair == Repair::Refused);
    let keys = gate.now().vars.len();
    let mut judgement =
        Judgement { defects: Vec::new(), repaired: None, applied: Vec::new(), keys };
    if !refused && bytes.len() <= EDIT_LIMIT {
        repair(bytes, &gate, ctx, &mut defects, &mut judgement);
    }
    defects.extend(application::lint(bytes, gate.now(), ctx));
    for defect in &mut defects {
        if !DECISIONS.contains(&defect.finding.kind) {
            defect.finding.repair = defect.repair();
        }
    }
    sort_by_place(&mut defects);
    judgement.defects = defects.into_iter().map(Defect::conceal).collect();
    judgement.applied = judgement.applied.into_iter().map(Defect::conceal).collect();
    judgement
}

/// What a person has to decide, also where no text can be proposed.
const DECISIONS: &[&Kind] = &[
    &finding::DOUBLE_EQUALS,
    &finding::INVISIBLE_CHAR,
    &finding::MERGE_CONFLICT,
    &finding::PLACEHOLDER,
    &finding::TEXT_AFTER_QUOTE,
    &finding::UNQUOTED_BACKSLASH,
];

/// Findings only.
pub fn check(bytes: &[u8], ctx: &Context) -> Vec<Finding> {
    judge(bytes, ctx).defects.into_iter().map(|d| d.finding).collect()
}

/// The automatic repair and what it leaves.
pub fn plan_repair(bytes: &[u8], ctx: &Context) -> Repaired {
    let judgement = judge(bytes, ctx);
    let left = match &judgement.repaired {
        None => judgement.defects,
        Some(after) => judge(after.expose(), ctx).defects,
    };
    Repaired {
        bytes: judgement.repaired,
        applied: judgement.applied.into_iter().map(|d| d.finding).collect(),
        left: left.into_iter().map(|d| d.finding).collect(),
    }
}

/// The text with what a person agreed to: the proposal of one defect. It has to load afterwards.
pub fn propose(bytes: &[u8], defect: &Defect) -> Option<Secret> {
    let edits = if defect.proposal.is_empty() { &defect.edits } else { &defect.proposal };
    let after = apply_edits(bytes, edits);
    let loads = Rules::ALL.iter().all(|rules| read(&after, *rules).loads.is_ok());
    let loaded = Rules::ALL.iter().all(|rules| read(bytes, *rules).loads.is_ok());
    (after != bytes && (loads || !loaded)).then(|| Secret::new(after))
}

fn repair(
    bytes: &[u8],
    gate: &Gate<'_>,
    ctx: &Context,
    defects: &mut [Defect],
    judgement: &mut Judgement,
) {
    let (mut current, accepted) = settle(bytes, gate, defects);
    judgement.applied = taken(defects, &accepted);
    demote(defects, &accepted);
    let mut changed = current != bytes;
    for _ in 1..MAX_ROUNDS {
        if !changed {
            break;
        }
        let (after, mended) = repair_again(&current, ctx);
        judgement.applied.extend(mended);
        changed = after != current;
        current = after;
    }
    if let Some((after, defect)) = strip_surplus(&current, ctx) {
        current = after;
        for old in defects.iter_mut().filter(|d| d.is(&finding::DOUBLE_EQUALS)) {
            if old.finding.subject.key == defect.finding.subject.key {
                old.finding.repair = Repair::Automatic;
            }
        }
        judgement.applied.push(defect);
    }
    if current != bytes {
        judgement.repaired = Some(Secret::new(current));
    }
}

/// A repair may bring another defect to light.
fn repair_again(bytes: &[u8], ctx: &Context) -> (Vec<u8>, Vec<Defect>) {
    let gate = Gate::new(bytes);
    let found = inspect(bytes, &gate, ctx);
    let (after, accepted) = settle(bytes, &gate, &found);
    (after, taken(&found, &accepted))
}

fn taken(found: &[Defect], accepted: &BTreeSet<usize>) -> Vec<Defect> {
    accepted.iter().filter_map(|i| found.get(*i).cloned()).collect()
}

/// An automatic repair that the gate refused is a proposal.
fn demote(defects: &mut [Defect], accepted: &BTreeSet<usize>) {
    for (i, defect) in defects.iter_mut().enumerate() {
        if defect.is_automatic() && !accepted.contains(&i) {
            defect.finding.repair = Repair::Asks;
        }
    }
}

/// The largest set of automatic repairs that passes the gate: all at once, else by halves, so that one
/// doubtful line does not hold back the rest. Gives the text and the numbers of what is in it.
fn settle(base: &[u8], gate: &Gate<'_>, found: &[Defect]) -> (Vec<u8>, BTreeSet<usize>) {
    let wanted: Vec<usize> = (0..found.len())
        .filter(|i| found.get(*i).is_some_and(|d| d.is_automatic() && !d.edits.is_empty()))
        .collect();
    let mut accepted = BTreeSet::new();
    let mut text = base.to_vec();
    let mut chunks = vec![wanted];
    let mut questions = 0;
    while let Some(chunk) = chunks.pop() {
        if chunk.is_empty() || questions == MAX_QUESTIONS {
            continue;
        }
        questions += 1;
        let tried: BTreeSet<usize> = accepted.iter().chain(&chunk).copied().collect();
        let set = || tried.iter().filter_map(|i| found.get(*i));
        let after = apply_edits(base, set().flat_map(|d| &d.edits));
        let gains: HashSet<&str> = set().flat_map(|d| &d.gains).map(String::as_str).collect();
        if gate.lets(&after, |key| gains.contains(key)) {
            accepted = tried;
            text = after;
        } else if chunk.len() > 1 {
            let (first, second) = chunk.split_at(chunk.len() / 2);
            // The lower half first: of two lines that gain the same key the last one counts.
            chunks.push(first.to_vec());
            chunks.push(second.to_vec());
        }
    }
    (text, accepted)
}

/// Takes the surplus `=` away where the policy says so. Only that value may change.
fn strip_surplus(bytes: &[u8], ctx: &Context) -> Option<(Vec<u8>, Defect)> {
    candidates(bytes)?;
    let reading = survey(bytes, Rules::Since254);
    let var = reading.get(SECRET_KEY)?;
    let stripped = strip(&var.value)?;
    let Verdict::Strip(why) = decide(&var.value, ctx.double_equals, &ctx.evidence) else {
        return None;
    };
    let written = written_span(bytes, var.span.start)?;
    let edit = Edit::replace(written.clone(), encode(&stripped)?);
    let after = apply_edits(bytes, [&edit]);
    if !changes_only(bytes, &after, SECRET_KEY, &stripped) {
        return None;
    }
    let mut defect = Defect::new(
        &finding::DOUBLE_EQUALS,
        written,
        format!("the surplus = in front of {SECRET_KEY} was removed: {why}"),
    )
    .class(Repair::Automatic)
    .key(SECRET_KEY)
    .edit(edit);
    defect.finding.subject.path = Some(ctx.path.clone());
    defect.finding.subject.line = Some(line_of(bytes, var.span.start));
    Some((after, defect))
}

/// From the first written byte of the value that begins at `at` to its end.
fn written_span(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    scan(bytes, Rules::Since254).find_map(|node| match node.kind {
        NodeKind::Assignment(raw) if raw.value.start == at => {
            let value = slice(bytes, raw.value.clone());
            let blanks = value.len() - value.trim_ascii_start().len();
            Some(raw.value.start + blanks..raw.value.end)
        }
        _ => None,
    })
}

fn changes_only(before: &[u8], after: &[u8], key: &str, value: &[u8]) -> bool {
    Rules::ALL.iter().all(|rules| {
        let (old, new) = (read(before, *rules), read(after, *rules));
        new.loads.is_ok()
            && old.vars.len() == new.vars.len()
            && old.vars.iter().zip(&new.vars).all(|(a, b)| {
                a.key == b.key
                    && if a.key == key { b.value.expose() == value } else { a.value == b.value }
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_before_a_comment_that_ends_in_a_backslash() {
        for (before, expected) in [
            ("\u{FEFF}# C:\\\nA=1\n", "# C:\nA=1\n"),
            ("\u{FEFF}# C:\\\\\nA=1\n", "# C:\\\\\nA=1\n"),
            ("\u{FEFF}; C:\\\nA=1\n", "# C:\nA=1\n"),
        ] {
            let after = plan_repair(before.as_bytes(), &Context::default()).bytes.unwrap();
            assert_eq!(String::from_utf8_lossy(after.expose()), expected);
        }
    }

    /// What is found, who repairs it, and the text after all proposals are taken.
    fn check_file(text: &str, expected: &[(&str, Repair)], proposed: &str) {
        let ctx = Context { application: Some(Application::default()), ..Context::default() };
        let found: Vec<(&str, Repair)> =
            check(text.as_bytes(), &ctx).iter().map(|f| (f.kind.name, f.repair)).collect();
        assert_eq!(found, expected, "{text}");
        let mut after = text.as_bytes().to_vec();
        for _ in 0..8 {
            let defects = judge(&after, &ctx).defects;
            let open = defects.iter().filter(|d| d.finding.repair == Repair::Asks);
            match open.into_iter().find_map(|defect| propose(&after, defect)) {
                Some(next) => after = next.into_exposed(),
                None => break,
            }
        }
        assert_eq!(String::from_utf8_lossy(&after), proposed);
    }

    #[test]
    fn lines_of_other_files_and_lines_glued_together() {
        use Repair::{Asks, Automatic, ByHand};
        for (text, expected, proposed) in [
            (
                "DB_HOST=localhostDB_PORT=5432\n",
                &[("merged-lines", Asks)][..],
                "DB_HOST=localhost\nDB_PORT=5432\n",
            ),
            ("A='xDEBUG=0'\n", &[("merged-lines", ByHand)], "A='xDEBUG=0'\n"),
            ("Environment=\"DB_HOST=a b\" A=1\n", &[("unit-line", Asks)], "DB_HOST='a b'\nA=1\n"),
            ("EnvironmentFile=-/etc/x\n", &[("unit-line", ByHand)], "EnvironmentFile=-/etc/x\n"),
            ("C=x\u{201d}\n", &[("smart-quotes", Asks)], "C=x\n"),
            ("A=b\u{201d}c\n", &[("smart-quotes", ByHand)], "A=b\u{201d}c\n"),
            ("export A=1;\n", &[("export-prefix", Asks)], "A=1\n"),
            ("export A='1' ; \n", &[("export-prefix", Asks)], "A='1'  \n"),
            ("export A='1;'\n", &[("export-prefix", Automatic)], "export A='1;'\n"),
            ("A='a' 'b'\n", &[("text-after-quote", Asks)], "A=ab\n"),
            ("A=$'x\\qy'\n", &[("ansi-c-quote", ByHand)], "A=$'x\\qy'\n"),
            (
                "<<<<<<< HEAD\nA=1\n=======\nA=2\n>>>>>>> x\n",
                &[("merge-conflict", Asks), ("duplicate-key", ByHand)],
                "A=2\n",
            ),
            (
                "ALLOWED_HOSTS=https://a.org\n",
                &[("allowed-hosts-malformed", Asks)],
                "ALLOWED_HOSTS=a.org\n",
            ),
            (
                "SECRET_KEY=abSECRET_KEY=0123456789abcdefghijklmnopqrstuv\n",
                &[("sed-ampersand", ByHand)],
                "SECRET_KEY=abSECRET_KEY=0123456789abcdefghijklmnopqrstuv\n",
            ),
        ] {
            check_file(text, expected, proposed);
        }
    }

    /// The setting settles it, and the value is quoted like any other.
    #[test]
    fn an_equals_sign_that_the_site_keeps_is_no_finding() {
        let ctx = Context { double_equals: DoubleEquals::Keep, ..Context::default() };
        let plain = b"SECRET_KEY==abcdefghij0123456789abcdefghij0123456789\n";
        assert_eq!(check(plain, &ctx), []);
        assert_eq!(check(plain, &Context::default()).len(), 1);
        let odd = plan_repair(b"SECRET_KEY==a b\nA==1\n", &ctx);
        assert_eq!(
            odd.bytes.map(Secret::into_exposed),
            Some(b"SECRET_KEY='=a b'\nA==1\n".to_vec())
        );
        let left: Vec<&str> = odd.left.iter().map(|f| f.kind.name).collect();
        assert_eq!(left, ["secret-key-weak", "double-equals"]);
    }

    #[test]
    fn a_good_file_of_a_production_host_is_clean() {
        let text = "# projectmeats, see the manual\n\
            SECRET_KEY='x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v'\nDEBUG=False\n\
            ALLOWED_HOSTS=meats.example.org,www.example.org,.example.net,10.0.0.5,[::1]\n\
            DATABASE_URL=postgres://meats:aT7x%2F9k%40@db-1.internal:5432/meats?sslmode=require\n\
            REDIS_URL=redis://:p4ssw0rd@10.0.0.7:6379/0\nEMAIL_HOST_USER=apikey\n\
            EMAIL_HOST_PASSWORD=SG.k7m2q9x4v1p0ws3e6r8t5y\nDEFAULT_FROM_EMAIL='Meats <no-reply@example.org>'\n\
            SENTRY_DSN=https://0123456789abcdef@o1.ingest.sentry.io/42?environment=prod\n\
            AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY\nSITE_NAME='Bob\u{2019}s Meats'\n\
            GUNICORN_CMD_ARGS='--workers=3 --env DJANGO_ENV=prod'\nLOG_FORMAT='%(asctime)s <%(name)s> %(message)s'\n\
            OTEL_RESOURCE_ATTRIBUTES=service.name=meats,DEPLOY_ENV=prod\nMOTD='your meat, our passion'\n\
            FERNET_KEY=cH3tGv0pR8bXw1mZkq5yN2dLs7aJf6uEoTi4rVxQhBc=\nFEATURE_FLAGS='{\"a\": {\"b\": 1}}'\n\
            CSRF_TRUSTED_ORIGINS=https://meats.example.org\nSECURE_SSL_REDIRECT=True\nhttp_proxy=http://proxy:3128\n";
        let ctx =
            Context { application: Some(Application { complete: true }), ..Context::default() };
        let found: Vec<String> =
            check(text.as_bytes(), &ctx).into_iter().map(|f| f.detail).collect();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_file_over_the_limit_is_judged_as_a_whole() {
        let mut bytes = b"export A=1\n".repeat(EDIT_LIMIT / 11 + 1);
        let kinds = |bytes: &[u8]| -> Vec<&str> {
            check(bytes, &Context::default()).iter().map(|f| f.kind.name).collect()
        };
        assert_eq!(kinds(&bytes), ["env-oversized"]);
        assert!(plan_repair(&bytes, &Context::default()).bytes.is_none());
        bytes.extend(b"B=\xff\n");
        assert_eq!(kinds(&bytes), ["env-oversized", "invalid-utf8"]);
    }
}
