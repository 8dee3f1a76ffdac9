//! What the application says about itself when it is loaded as the service would load it.

use serde::Deserialize;

use super::output::few;
use crate::model::{Finding, Subject, finding};

/// The program that asks; it gets [`Inspection::MARKER`] and `MODULE:OBJECT` as arguments.
pub const INSPECT: &str = include_str!("inspect.py");

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Inspection {
    /// "ok", or the exception that loading ended with.
    pub application: String,
    /// `FILE:LINE` of the project where the exception began, if there.
    pub at: String,
    /// The settings module that the application chose: `manage.py` may default to another one.
    pub settings_module: String,
    pub debug: bool,
    pub allowed_hosts: Vec<String>,
    pub static_root: String,
    /// "ok", or the exception of a real query.
    pub database: String,
    /// Migrations of the release that the database lacks, as `app.name`.
    pub pending: Vec<String>,
    /// Migrations that the database has and the release does not know.
    pub orphans: Vec<String>,
    /// Pending ones that old code may not survive, with the operation.
    pub risky: Vec<String>,
}

impl Inspection {
    /// What the answer line begins with.
    pub const MARKER: &str = "meats-inspection:";
}

/// Finds the answer among whatever else was printed.
pub fn parse_inspection(stdout: &str) -> Option<Inspection> {
    let line = stdout.lines().rev().find_map(|line| line.strip_prefix(Inspection::MARKER))?;
    serde_json::from_str(line).ok()
}

/// What is wrong with it. Texts of exceptions must have been masked before.
pub fn check_inspection(inspection: &Inspection) -> Vec<Finding> {
    if inspection.application != "ok" {
        let place = match inspection.at.as_str() {
            "" => String::new(),
            at => format!(", at {at}"),
        };
        let detail = format!("{}{place}", inspection.application);
        return vec![Finding::new(&finding::DEP_APP_LOAD, Subject::default(), detail)];
    }
    let mut found = Vec::new();
    let mut add = |kind, detail: String| found.push(Finding::new(kind, Subject::default(), detail));
    if inspection.database != "ok" {
        add(&finding::DBS_UNREACHABLE, inspection.database.clone());
    }
    if inspection.debug {
        let module = &inspection.settings_module;
        add(&finding::DEP_DEBUG, format!("DEBUG is on in {module}"));
    }
    if !inspection.orphans.is_empty() {
        let list = few(&inspection.orphans);
        add(&finding::DBS_AHEAD, format!("unknown to this code: {list}"));
    }
    if !inspection.risky.is_empty() {
        add(&finding::DBS_RISKY, few(&inspection.risky));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_noise() {
        let noise = "hello\nmeats-inspection:{\"application\":\"ok\",\"database\":\"ok\",\"pending\":[\"a.1\"]}\nbye";
        let inspection = parse_inspection(noise).expect("an answer");
        assert_eq!(inspection.pending, ["a.1"]);
        assert!(check_inspection(&inspection).is_empty());
        assert_eq!(parse_inspection("nothing"), None);
        assert_eq!(parse_inspection("meats-inspection:{"), None);
    }

    #[test]
    fn findings() {
        let good =
            Inspection { application: "ok".into(), database: "ok".into(), ..Inspection::default() };
        let bad = [
            (Inspection { application: "ImportError: x".into(), ..good.clone() }, "DEP-004"),
            (Inspection { database: "OperationalError".into(), ..good.clone() }, "DBS-001"),
            (Inspection { debug: true, ..good.clone() }, "DEP-005"),
            (Inspection { orphans: vec!["a.2".into()], ..good.clone() }, "DBS-002"),
            (Inspection { risky: vec!["a.2 DeleteModel".into()], ..good.clone() }, "DBS-003"),
        ];
        for (inspection, id) in bad {
            let ids: Vec<_> = check_inspection(&inspection).iter().map(|f| f.kind.id).collect();
            assert_eq!(ids, [id]);
        }
    }
}
