//! What a deployment needs to know of the host, and what keeps it from beginning.

use std::path::PathBuf;

use crate::config::Config;
use crate::model::{Fact, FileKind, Finding, Owner, Secret, Subject, finding};

/// One look at the host.
#[derive(Clone, Debug)]
pub struct DeployFacts {
    /// Numeric ids of the service; None when user or group is missing.
    pub service: Option<Owner>,
    /// What systemd gives the service of the env file, or why it cannot be known.
    pub variables: Fact<Vec<(String, Secret)>>,
    pub manage_py: Fact<FileKind>,
    pub gunicorn: Fact<FileKind>,
    pub python: Fact<FileKind>,
    /// Bytes that an ordinary process may still use where the application lies.
    pub free: Fact<u64>,
    /// pg_dump is installed.
    pub pg_dump: bool,
    /// The program uv, where nobody but root can change it.
    pub uv: Option<PathBuf>,
    /// True when systemd is PID 1.
    pub systemd: bool,
    /// What the service answered just now: Ok when healthy.
    pub live: Result<(), String>,
}

impl DeployFacts {
    /// There is no room for what a deployment writes.
    pub fn is_full(&self) -> bool {
        matches!(self.free, Fact::Known(free) if free < LOW_SPACE)
    }
}

impl Default for DeployFacts {
    /// Nothing is known.
    fn default() -> Self {
        let unknown = || Fact::Unknown("nobody looked".to_owned());
        Self {
            service: None,
            variables: Fact::Unknown("nobody looked".to_owned()),
            manage_py: unknown(),
            gunicorn: unknown(),
            python: unknown(),
            free: Fact::Unknown("nobody looked".to_owned()),
            pg_dump: false,
            uv: None,
            systemd: false,
            live: Err("nobody asked".to_owned()),
        }
    }
}

/// Free space below which nothing is begun, in bytes: logs and a database dump need room.
const LOW_SPACE: u64 = 200 << 20;

/// What is wrong before anything changes.
pub fn check_facts(config: &Config, facts: &DeployFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.service.is_none() {
        let detail = format!(
            "user \"{}\" or group \"{}\" does not exist",
            config.user.value, config.group.value
        );
        found.push(Finding::new(&finding::SVC_USER_MISSING, Subject::default(), detail));
    }
    variables(config, facts, &mut found);
    programs(config, facts, &mut found);
    if let Some(free) = facts.free.known().filter(|_| facts.is_full()) {
        let detail = format!("{} MiB are left, {} are needed", free >> 20, LOW_SPACE >> 20);
        let subject = Subject::file(&config.app_dir.value);
        found.push(Finding::new(&finding::DEP_SPACE, subject, detail));
    }
    if !facts.systemd {
        let detail = "systemd does not run here, so the service cannot be restarted";
        found.push(Finding::new(&finding::DEP_NO_SYSTEMD, Subject::default(), detail));
    }
    found
}

fn variables(config: &Config, facts: &DeployFacts, found: &mut Vec<Finding>) {
    let subject = || Subject::file(&config.env_file.value);
    match &facts.variables {
        Fact::Known(_) => {}
        Fact::Absent => {
            let detail = "it does not exist";
            found.push(Finding::new(&finding::ENV_MISSING, subject(), detail));
        }
        Fact::Unknown(why) => {
            found.push(Finding::new(&finding::ENV_UNREADABLE, subject(), why.clone()));
        }
    }
}

fn programs(config: &Config, facts: &DeployFacts, found: &mut Vec<Finding>) {
    let venv = &config.venv.value;
    let wanted = [
        (&facts.manage_py, config.working_directory.join("manage.py"), &finding::DEP_NO_PROJECT),
        (&facts.python, venv.join("bin/python"), &finding::DEP_NO_VENV),
        (&facts.gunicorn, venv.join("bin/gunicorn"), &finding::SVC_PROGRAM_MISSING),
    ];
    for (fact, path, kind) in wanted {
        let detail = match fact {
            // An interpreter of a venv is a link to the system's.
            Fact::Known(FileKind::Regular | FileKind::Symlink) => continue,
            Fact::Known(other) => format!("it is a {}", other.word()),
            Fact::Absent => "it does not exist".to_owned(),
            Fact::Unknown(why) => why.clone(),
        };
        found.push(Finding::new(kind, Subject::file(path), detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::resolve;

    fn good() -> DeployFacts {
        DeployFacts {
            service: Some(Owner { uid: 998, gid: 33 }),
            variables: Fact::Known(vec![("SECRET_KEY".into(), Secret::new("x"))]),
            manage_py: Fact::Known(FileKind::Regular),
            gunicorn: Fact::Known(FileKind::Regular),
            python: Fact::Known(FileKind::Symlink),
            free: Fact::Known(1 << 40),
            pg_dump: false,
            uv: None,
            systemd: true,
            live: Ok(()),
        }
    }

    #[test]
    fn each_lack_is_one_finding() {
        let (config, _) = resolve(&[]);
        let one = |change: &dyn Fn(&mut DeployFacts)| {
            let mut facts = good();
            change(&mut facts);
            check_facts(&config, &facts).iter().map(|f| f.kind.id).collect::<Vec<_>>()
        };
        assert!(one(&|_| {}).is_empty());
        assert_eq!(one(&|f| f.service = None), ["SVC-005"]);
        assert_eq!(one(&|f| f.variables = Fact::Absent), ["ENV-091"]);
        assert_eq!(one(&|f| f.variables = Fact::Unknown("why".into())), ["ENV-093"]);
        assert_eq!(one(&|f| f.manage_py = Fact::Absent), ["DEP-001"]);
        assert_eq!(one(&|f| f.python = Fact::Absent), ["DEP-002"]);
        assert_eq!(one(&|f| f.gunicorn = Fact::Absent), ["SVC-006"]);
        assert_eq!(one(&|f| f.free = Fact::Known(1)), ["DEP-003"]);
        assert_eq!(one(&|f| f.systemd = false), ["DEP-006"]);
    }
}
