//! The whole helper on a small root of its own, without systemd.

#![allow(clippy::disallowed_methods, reason = "a test lays out its own directory")]

use super::store::stored;
use super::*;
use crate::capture::Stored;
use crate::config::STATE_DIR;

struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for path in ["run", "var/lib", "var/log/projectmeats", "etc/projectmeats", "proc/self"] {
            std::fs::create_dir_all(dir.path().join(path)).expect("made");
        }
        let host = Self { dir };
        let own = std::os::unix::fs::MetadataExt::uid(
            &std::fs::metadata(host.dir.path()).expect("there"),
        );
        host.write("etc/passwd", &format!("projectmeats:x:{own}:{own}::/:/bin/false\n"));
        host.write("etc/group", &format!("www-data:x:{own}:\n"));
        host.write(
            "etc/projectmeats/projectmeats.env",
            "SECRET_KEY=very$secret(value)\nDEBUG=False\n",
        );
        host
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).expect("written");
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(path)).unwrap_or_default()
    }

    /// Runs the helper as a stop command with these variables.
    fn stop(&self, variables: &[(&str, &str)]) {
        let args = ["--root".into(), self.dir.path().into()];
        self.run(args.to_vec(), variables);
    }

    /// The main process ended with 1.
    fn fail(&self, invocation: &str) {
        self.stop(&[
            ("SERVICE_RESULT", "exit-code"),
            ("EXIT_CODE", "exited"),
            ("EXIT_STATUS", "1"),
            ("INVOCATION_ID", invocation),
        ]);
    }

    fn run(&self, args: Vec<OsString>, variables: &[(&str, &str)]) {
        let environment = variables.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let handed = Handed { args, environment };
        let asked = parse(&handed.args).expect("arguments");
        let root = Root::open(self.dir.path()).expect("a root");
        // As main does, without what concerns the whole process.
        if !nothing_to_do(&root, &handed, &asked) {
            run(&root, &handed, &asked).expect("done");
        }
    }

    fn records(&self) -> Vec<Record> {
        let root = Root::open(self.dir.path()).expect("a root");
        let directory = Path::new(STATE_DIR).join("failures");
        let id = |s: &Stored| s.path.file_stem().expect("a name").to_string_lossy().into_owned();
        let ids = stored(&root, &directory).iter().map(id).collect::<Vec<_>>();
        ids.iter().map(|id| read_record(&root, &directory, id).expect("readable")).collect()
    }

    fn log(&self) -> String {
        self.read("var/log/projectmeats/post_failure.log")
    }
}

fn invocation(n: u32) -> String {
    format!("{n:08x}").repeat(4)
}

#[test]
fn a_clean_stop_leaves_nothing() {
    let host = Host::new();
    host.stop(&[("SERVICE_RESULT", "success"), ("EXIT_CODE", "exited"), ("EXIT_STATUS", "0")]);
    host.stop(&[("SERVICE_RESULT", "exec-condition")]);
    assert_eq!((host.records(), host.log().as_str()), (vec![], ""));
    assert_eq!(std::fs::read_dir(host.dir.path().join("run")).expect("there").count(), 0);
}

#[test]
fn a_failure_hidden_by_success_exit_status_is_recorded_once() {
    let host = Host::new();
    let id = invocation(7);
    let variables = [
        ("SERVICE_RESULT", "success"),
        ("EXIT_CODE", "exited"),
        ("EXIT_STATUS", "1"),
        ("INVOCATION_ID", id.as_str()),
    ];
    host.stop(&variables);
    host.stop(&variables);
    let [record] = &host.records()[..] else { panic!("{:?}", host.records()) };
    assert_eq!((record.count, record.result.exit_status), (1, Some(1)));
    assert!(record.result.hidden_by_systemd && record.complete);
    assert_eq!(record.cause.finding, "CAP-001");
    assert_eq!(record.env.keys, 2);
    let log = host.log();
    assert!(
        log.starts_with("== ") && log.contains(" projectmeats FAILED CAP-001 exit 1 ==\n"),
        "{log}"
    );
    assert!(log.ends_with(&format!("record    meats-diagnose failures {}\n", record.id)), "{log}");
    // OnFailure= comes later, with variables of its own.
    let args =
        ["--root".into(), host.dir.path().into(), "--unit".into(), "projectmeats.service".into()];
    host.run(
        args.to_vec(),
        &[("MONITOR_SERVICE_RESULT", "exit-code"), ("MONITOR_INVOCATION_ID", &id)],
    );
    assert_eq!(host.log(), log);
}

/// Somebody who has the service's rights fills what is read: there is a record all the same, in time,
/// and nothing of a value that was not learned is in it.
fn check_a_record_without_words(files: usize, size: usize) {
    let host = Host::new();
    let app = host.dir.path().join("opt/projectmeats");
    std::fs::create_dir_all(app.join("backend")).expect("made");
    for (number, name) in ["backend/.env", ".env", ".env.production"].iter().take(files).enumerate()
    {
        let line = |n: usize| format!("K{n}=hidden-{number}-{n}\n");
        let mut text: String = (0..size / 40).map(line).collect();
        text.push_str(&"x".repeat(size - text.len()));
        host.write(&format!("opt/projectmeats/{name}"), &text);
    }
    let id = invocation(3);
    let found = r#"[{"id":"ENV-091","blocks":true,"text":"hidden-0-4711"}]"#;
    std::fs::create_dir(host.dir.path().join("run/projectmeats-fixes")).expect("made");
    let status = format!(r#"{{"invocation_id":"{id}","findings":{found}}}"#);
    host.write("run/projectmeats-fixes/status.json", &status);
    let begun = std::time::Instant::now();
    host.fail(&id);
    let [record] = &host.records()[..] else { panic!("{:?}", host.records()) };
    let json = serde_json::to_string(record).expect("a text");
    assert!(!json.contains("hidden-") && !host.log().contains("hidden-"), "{json}");
    assert!(json.contains("[left out]"), "{json}");
    assert!(record.not_seen.iter().any(|why| why.contains("cannot be masked")), "{json}");
    assert_eq!(record.result.exit_status, Some(1));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_file_that_is_too_large_leaves_a_record_without_words() {
    check_a_record_without_words(1, 16 << 20);
}

#[test]
fn files_with_too_many_values_leave_a_record_without_words() {
    check_a_record_without_words(3, 500 << 10);
}

#[test]
fn a_loop_is_counted_and_none_is_lost() {
    let host = Host::new();
    for n in 1..=50 {
        let id = invocation(n);
        let log = format!("[2026-11-23 14:02:16 +0000] [{n}] [ERROR] Connection in use\n");
        host.write("var/log/projectmeats/error.log", &log);
        host.fail(&id);
    }
    let [record] = &host.records()[..] else { panic!("{:?}", host.records()) };
    assert_eq!(record.count, 50);
    assert_eq!(
        (record.invocation.clone(), record.last_invocation.clone()),
        (Some(invocation(1)), Some(invocation(50)))
    );
    let timeline: Vec<String> =
        host.log().lines().filter(|l| l.starts_with("==")).map(|l| l[30..].to_owned()).collect();
    assert_eq!(timeline.len(), 3, "{timeline:?}");
    assert!(timeline[1].contains("again: 2 times") && timeline[2].contains("again: 10 times"));
}

#[test]
fn no_value_of_the_env_file_passes() {
    let host = Host::new();
    let forged = "very$secret(value)";
    host.stop(&[
        ("SERVICE_RESULT", "signal"),
        ("EXIT_CODE", "killed"),
        ("EXIT_STATUS", "KILL"),
        ("INVOCATION_ID", forged),
        ("SECRET_KEY", forged),
    ]);
    let [record] = &host.records()[..] else { panic!("{:?}", host.records()) };
    assert_eq!((record.invocation.clone(), record.cause.finding.as_str()), (None, "CAP-002"));
    let everything = serde_json::to_string(record).expect("JSON") + &host.log();
    assert!(!everything.contains("very$secret"), "{everything}");
}

#[test]
fn arguments() {
    let parse = |words: &[&str]| parse(&words.iter().map(OsString::from).collect::<Vec<_>>());
    assert_eq!(parse(&["--unit", "x"]).map(|a| a.unit), Ok(Some("x.service".to_owned())));
    for wrong in [&["--unit"][..], &["--unit", "../x"], &["--unit", "a/b"], &["x"], &["--unit", ""]]
    {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_forged_success_is_not_believed_at_once() {
    let host = Host::new();
    let root = Root::open(host.dir.path()).expect("a root");
    let asked = Asked::default();
    let clean = [("SERVICE_RESULT", "success"), ("EXIT_CODE", "exited"), ("EXIT_STATUS", "0")];
    let environment = clean.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let handed = Handed { args: Vec::new(), environment };
    assert!(nothing_to_do(&root, &handed, &asked));
    host.write("etc/projectmeats/projectmeats.env", "A=1\nEXIT_STATUS=0\n");
    assert!(!nothing_to_do(&root, &handed, &asked));
}

#[test]
fn the_line_that_closes_the_story() {
    let host = Host::new();
    let started = || {
        let args = ["--root".into(), host.dir.path().into(), "--started".into()];
        host.run(args.to_vec(), &[]);
    };
    started();
    assert_eq!(host.log(), "");
    for n in 1..=3 {
        let id = invocation(n);
        host.stop(&[
            ("SERVICE_RESULT", "signal"),
            ("EXIT_CODE", "killed"),
            ("EXIT_STATUS", "KILL"),
            ("INVOCATION_ID", &id),
        ]);
    }
    started();
    started();
    let timeline: Vec<String> =
        host.log().lines().filter(|l| l.starts_with("==")).map(|l| l[30..].to_owned()).collect();
    assert_eq!(timeline.len(), 3, "{timeline:?}");
    assert!(timeline[2].contains("RUNNING after 3 failures"), "{timeline:?}");
}
