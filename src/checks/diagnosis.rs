//! Runs the checks and puts their answers in order: causes before symptoms, worst first.

use super::{About, CHECKS, Facts, Verdict};
use crate::env::is_database_key;
use crate::model::{Finding, Kind, Severity, finding};

/// The verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Healthy,
    Warnings,
    Broken,
    Incomplete,
}

impl Word {
    /// As it stands in the first line of the report.
    pub fn text(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warnings => "warnings",
            Self::Broken => "BROKEN",
            Self::Incomplete => "INCOMPLETE",
        }
    }

    /// Exit status of meats-diagnose.
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Warnings => 1,
            Self::Broken => 3,
            Self::Incomplete => 4,
        }
    }
}

/// A finding and the id of the cause that explains it.
#[derive(Clone, Debug)]
pub struct Placed {
    pub finding: Finding,
    pub explained_by: Option<&'static str>,
}

impl Placed {
    /// Its part, a word of the documents: a cause explains, a symptom is explained.
    pub fn role(&self) -> &'static str {
        match (self.explained_by, self.finding.kind.severity) {
            (Some(_), _) => "symptom",
            (None, Severity::Error) => "cause",
            (None, _) => "finding",
        }
    }
}

/// Checks that could not look.
#[derive(Clone, Debug)]
pub struct NotChecked {
    pub ids: Vec<&'static str>,
    pub reason: String,
    pub needs: String,
}

/// Everything that the report shows.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    pub word: Word,
    /// Causes first, each followed by what it explains; then warnings, then notes.
    pub findings: Vec<Placed>,
    pub not_checked: Vec<NotChecked>,
    pub not_applicable: Vec<&'static str>,
    pub passed: Vec<&'static str>,
}

impl Diagnosis {
    /// Number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|p| p.finding.kind.severity == severity).count()
    }

    /// Ids that could not be looked at.
    pub fn not_checked_count(&self) -> usize {
        self.not_checked.iter().map(|n| n.ids.len()).sum()
    }

    /// The errors that nothing else explains.
    pub fn causes(&self) -> impl Iterator<Item = &Placed> {
        let cause = |p: &&Placed| p.explained_by.is_none();
        self.findings.iter().filter(|p| p.finding.kind.severity == Severity::Error).filter(cause)
    }

    /// What this finding explains.
    pub fn symptoms_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Placed> {
        self.findings.iter().filter(move |p| p.explained_by == Some(id))
    }
}

/// Runs every check; with `only`, those that can find one of these ids. With `reachable`, what
/// could not be looked at is not held against the host.
pub fn diagnose(facts: &Facts, only: &[String], reachable: bool) -> Diagnosis {
    let mut found = Vec::new();
    let mut not_checked = Vec::new();
    let mut not_applicable = Vec::new();
    let mut passed = Vec::new();
    let asked = |id: &str| only.is_empty() || only.iter().any(|o| o.eq_ignore_ascii_case(id));
    let checked = |id: &str| CHECKS.iter().any(|(_, c)| (c.kinds)().iter().any(|k| k.id == id));
    let elsewhere = finding::all().map(|k| k.id).filter(|id| !only.is_empty() && asked(id));
    let elsewhere: Vec<&'static str> = elsewhere.filter(|id| !checked(id)).collect();
    if !elsewhere.is_empty() {
        let reason = "no check of this program looks for it".to_owned();
        let needs = "the program that does".to_owned();
        not_checked.push(NotChecked { ids: elsewhere, reason, needs });
    }
    let rests = facts.in_stack();
    for (about, check) in CHECKS {
        let ids: Vec<&'static str> =
            (check.kinds)().iter().map(|k| k.id).filter(|id| asked(id)).collect();
        if ids.is_empty() {
            continue;
        }
        let verdict = match about {
            About::Own if rests => Verdict::NotApplicable,
            About::Own | About::Any => (check.run)(facts),
        };
        match verdict {
            Verdict::Looked(findings) => {
                let hit = |id: &&'static str| !findings.iter().any(|f| f.kind.id == *id);
                passed.extend(ids.iter().copied().filter(hit));
                // What another check owns is told by that one, where it found it.
                let kinds = (check.kinds)();
                let told = |f: &Finding| {
                    !kinds.contains(&f.kind) && found.iter().any(|o: &Finding| o.kind == f.kind)
                };
                let findings: Vec<Finding> =
                    findings.into_iter().filter(|f| asked(f.kind.id) && !told(f)).collect();
                found.extend(findings);
            }
            // What was found is found; of the rest nothing is known.
            Verdict::Partly { found: findings, reason, needs } => {
                let hit = |id: &&'static str| findings.iter().any(|f| f.kind.id == *id);
                let ids: Vec<_> = ids.into_iter().filter(|id| !hit(id)).collect();
                if !ids.is_empty() {
                    not_checked.push(NotChecked { ids, reason, needs });
                }
                found.extend(findings.into_iter().filter(|f| asked(f.kind.id)));
            }
            Verdict::NotChecked { reason, needs } => {
                not_checked.push(NotChecked { ids, reason, needs });
            }
            Verdict::NotApplicable => not_applicable.extend(ids),
        }
    }
    let state = facts.service.known().filter(|s| s.died() && !rests);
    if state.is_some() {
        found.iter_mut().for_each(|f| reset_first(f, &facts.config.service.value));
    }
    let ended = facts.failure.known().and_then(|record| finding::by_word(&record.cause.finding));
    passed.retain(|id| !found.iter().any(|f| f.kind.id == *id));
    let findings = place(found, ended.map(|k| k.id));
    let worst = findings.iter().map(|p| p.finding.kind.severity).max();
    let word = match worst {
        Some(Severity::Error) => Word::Broken,
        _ if !not_checked.is_empty() && !reachable => Word::Incomplete,
        Some(Severity::Warning) => Word::Warnings,
        _ => Word::Healthy,
    };
    Diagnosis { word, findings, not_checked, not_applicable, passed }
}

/// After many starts systemd refuses the next one, a restart by hand too, until its count is reset.
fn reset_first(finding: &mut Finding, service: &str) {
    let reset = ["systemctl", "reset-failed", service].map(str::to_owned).to_vec();
    let starts = |c: &Vec<String>| {
        matches!(c.as_slice(), [program, verb, name]
            if program == "systemctl" && (verb == "restart" || verb == "start") && name == service)
    };
    if let Some(at) =
        finding.commands.iter().position(starts).filter(|_| !finding.commands.contains(&reset))
    {
        finding.commands.insert(at, reset);
    }
}

/// A defect of the env file in a key of the database explains what the database answers.
fn misleads(defect: &Finding, finding: &Finding) -> bool {
    const DATABASE: &[&Kind] =
        &[&finding::APP_DATABASE_DOWN, &finding::APP_DATABASE_REFUSED, &finding::APP_DRIVER];
    defect.kind.id.starts_with("ENV-")
        && defect.subject.key.as_deref().is_some_and(is_database_key)
        && (DATABASE.contains(&finding.kind) || finding.kind.id.starts_with("DBS-"))
}

/// Orders findings: first what `ended` the last run or explains that, then the other causes in the
/// order of the checks, each followed by its symptoms; then warnings, then notes.
fn place(found: Vec<Finding>, ended: Option<&'static str>) -> Vec<Placed> {
    let cause_of = |f: &Finding| {
        let explains = |c: &&Finding| {
            c.kind.severity == Severity::Error
                && c.kind.id != f.kind.id
                && (c.kind.leads_to.contains(&f.kind.id) || misleads(c, f))
        };
        let mut causes = found.iter().filter(explains).map(|c| c.kind.id);
        let first = causes.clone().find(|id| Some(*id) == ended);
        first.or_else(|| causes.next())
    };
    // A cause may itself be explained: the symptom goes to the first cause of the chain.
    let root_of = |f: &Finding| {
        let mut root = cause_of(f)?;
        for _ in 0..found.len() {
            let next = found.iter().find(|c| c.kind.id == root).and_then(&cause_of);
            match next {
                Some(above) if above != root => root = above,
                _ => break,
            }
        }
        Some(root)
    };
    let placed: Vec<Placed> =
        found.iter().map(|f| Placed { explained_by: root_of(f), finding: f.clone() }).collect();
    let first = placed.iter().find(|p| Some(p.finding.kind.id) == ended);
    let first = first.map(|p| p.explained_by.unwrap_or(p.finding.kind.id));
    let mut ordered: Vec<Placed> = Vec::with_capacity(placed.len());
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let mut shown: Vec<&str> = Vec::new();
        let of_rank = |p: &&Placed| p.finding.kind.severity == severity && p.explained_by.is_none();
        let (before, after): (Vec<&Placed>, Vec<&Placed>) =
            placed.iter().filter(of_rank).partition(|p| Some(p.finding.kind.id) == first);
        for p in before.into_iter().chain(after) {
            ordered.push(p.clone());
            if shown.contains(&p.finding.kind.id) {
                continue;
            }
            shown.push(p.finding.kind.id);
            let explained = |s: &&Placed| s.explained_by == Some(p.finding.kind.id);
            ordered.extend(placed.iter().filter(explained).cloned());
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Subject;

    fn check(kinds: &[&'static Kind], expected: &[(&str, Option<&str>)]) {
        check_ended(None, kinds, expected);
    }

    #[test]
    fn a_lost_key_of_the_database_explains_its_answer() {
        let lost = Subject::default().key("DATABASE_URL");
        let found = vec![
            Finding::new(&finding::EXPORT_PREFIX, lost, "x"),
            Finding::new(&finding::APP_DATABASE_DOWN, Subject::default(), "x"),
        ];
        let placed = place(found, Some(finding::APP_DATABASE_DOWN.id));
        assert_eq!(placed[0].finding.kind, &finding::EXPORT_PREFIX);
        assert_eq!(placed[1].explained_by, Some(finding::EXPORT_PREFIX.id));
    }

    fn check_ended(
        ended: Option<&'static str>,
        kinds: &[&'static Kind],
        expected: &[(&str, Option<&str>)],
    ) {
        let found = kinds.iter().map(|k| Finding::new(k, Subject::default(), "x")).collect();
        let placed = place(found, ended);
        let got: Vec<_> = placed.iter().map(|p| (p.finding.kind.id, p.explained_by)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn causes_come_first_and_chains_end_at_the_root() {
        check(
            &[
                &finding::DSK_LOW,
                &finding::NET_NO_LISTENER,
                &finding::SVC_FAILED,
                &finding::LOG_OWNER,
            ],
            &[
                ("LOG-001", None),
                ("NET-001", Some("LOG-001")),
                ("SVC-001", Some("LOG-001")),
                ("DSK-002", None),
            ],
        );
        check(
            &[&finding::SVC_FAILED, &finding::NET_NO_LISTENER],
            &[("SVC-001", None), ("NET-001", Some("SVC-001"))],
        );
    }

    #[test]
    fn what_ended_the_last_run_comes_before_other_causes() {
        let kinds = [&finding::EXPORT_PREFIX, &finding::APP_DATABASE_DOWN, &finding::SVC_FAILED];
        let ended = Some(finding::APP_DATABASE_DOWN.id);
        let (other, cause) = (kinds[0].id, kinds[1].id);
        check(&kinds, &[(other, None), ("SVC-001", Some(other)), (cause, None)]);
        check_ended(ended, &kinds, &[(cause, None), ("SVC-001", Some(cause)), (other, None)]);
    }

    #[test]
    fn every_kind_of_a_check_is_listed_once() {
        let mut ids: Vec<&str> =
            CHECKS.iter().flat_map(|(_, c)| (c.kinds)()).map(|k| k.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
