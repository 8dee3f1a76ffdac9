//! meats-env as it is called: exit statuses, what is written, what is shown. Everything happens
//! below a root of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it starts the built program and stops at the first surprise"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SECRET: &str = "x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v";
const BROKEN: &str =
    "export SECRET_KEY=x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v\r\nDEBUG = False\r\n";

struct Host(tempfile::TempDir);

impl Host {
    fn with(content: &[u8]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        for directory in ["etc/projectmeats", "var/lib", "run"] {
            fs::create_dir_all(host.0.path().join(directory)).unwrap();
        }
        fs::write(host.file(), content).unwrap();
        host
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("etc/projectmeats/projectmeats.env")
    }

    fn content(&self) -> String {
        String::from_utf8(fs::read(self.file()).unwrap()).unwrap()
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_meats-env"))
            .args(args)
            .arg("--root")
            .arg(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read its input has ended by then.
        child.stdin.take().unwrap().write_all(input).ok();
        child.wait_with_output().unwrap()
    }

    /// Runs and compares the exit status; what was printed on both streams.
    fn check(&self, args: &[&str], input: &[u8], code: i32) -> String {
        let output = self.run(args, input);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{text}");
        text
    }
}

#[test]
fn a_repair_is_shown_done_and_taken_back() {
    let host = Host::with(BROKEN.as_bytes());
    let shown = host.check(&["fix", "--dry-run"], b"", 1);
    assert_eq!(host.content(), BROKEN);
    assert!(!shown.contains("gacn"), "{shown}");
    let done = host.check(&["fix"], b"", 1);
    assert!(done.contains("ENV-004 export-prefix") && !done.contains("gacn"), "{done}");
    assert_eq!(host.content(), format!("SECRET_KEY='{SECRET}'\nDEBUG=False\n"));
    assert!(host.check(&["fix"], b"", 1).contains("nothing to repair"));
    assert_eq!(host.check(&["restore", "--list"], b"", 0).lines().count(), 1);
    let diff = host.check(&["diff"], b"", 1);
    assert!(diff.contains("SECRET_KEY='********'") && !diff.contains("gacn"), "{diff}");
    host.check(&["restore"], b"", 0);
    assert_eq!(host.content(), BROKEN);
    // What was replaced is a backup too; the same content is kept once.
    host.check(&["fix"], b"", 1);
    assert_eq!(host.check(&["restore", "--list"], b"", 0).lines().count(), 2);
}

#[test]
fn exit_statuses() {
    let cases: &[(&[u8], &[&str], i32)] = &[
        (b"A=1\n", &["check", "/etc/projectmeats/projectmeats.env"], 1),
        (b"A=1\0", &["check"], 3),
        (b"A=1\0", &["fix"], 3),
        (b"A=1\n", &["check", "/etc/none.env"], 4),
        (b"A=1\n", &["get", "A"], 0),
        (b"A=1\n", &["get", "B"], 1),
        (b"A=1\0", &["get", "A"], 3),
        (b"A=1\n", &["read", "--as", "none"], 2),
        (b"A=`x`\n", &["read", "--as", "sh"], 4),
        (b"A=1\n", &["unset", "A"], 0),
        (b"A=1\n", &["unset", "no name"], 2),
        (b"A=1\n", &["generate", "--set", "SECRET_KEY=x"], 2),
        (
            b"A=1\n",
            &["generate", "--set", "ALLOWED_HOSTS=a", "--set", "DATABASE_URL=sqlite:////x"],
            3,
        ),
        (b"A=\"it's\"\n", &["export", "--for", "docker"], 0),
        (b"A='x\ny'\n", &["export", "--for", "docker"], 3),
        (b"A=1\n", &["nothing"], 2),
    ];
    for (content, args, code) in cases {
        Host::with(content).check(args, b"", *code);
    }
}

#[test]
fn a_file_of_unknown_use_can_be_clean() {
    let host = Host::with(b"");
    fs::write(host.0.path().join("a.env"), "A=1\n").unwrap();
    assert_eq!(host.check(&["check", "/a.env"], b"", 0), "/a.env: 1 keys, no findings\n");
    assert_eq!(host.check(&["check", "-"], b"B='x y'\n", 0), "-: 1 keys, no findings\n");
}

#[test]
fn setting_reads_standard_input_and_shows_nothing() {
    let host = Host::with(b"# top\nA=1\n");
    let said = host.check(&["set", "NEW"], b"it's $5\n", 0);
    assert!(!said.contains("$5"), "{said}");
    assert!(said.contains("docker"), "{said}");
    assert_eq!(host.content(), "# top\nA=1\nNEW=\"it's \\$5\"\n");
    assert_eq!(host.check(&["get", "NEW"], b"", 0), "it's $5\n");
    host.check(&["set", "NEW", "--readers", "docker"], b"it's $5\n", 3);
    host.check(&["set", "NEW"], b"x\0y", 3);
    let raw = host.run(&["read", "-0"], b"").stdout;
    assert_eq!(raw, b"A=1\0NEW=it's $5\0");
    let json: serde_json::Value =
        serde_json::from_slice(&host.run(&["read", "--json"], b"").stdout).unwrap();
    assert_eq!(json["env"]["NEW"], "it's $5");
    assert_eq!(json["complete"], true);
}

#[test]
fn a_generated_file_is_read_alike_by_all_and_never_overwritten() {
    let host = Host::with(b"");
    fs::remove_file(host.file()).unwrap();
    let asked = ["generate", "--set", "ALLOWED_HOSTS=a.org", "--set", "DATABASE_URL=sqlite:////x"];
    host.check(&asked, b"", 0);
    host.check(&["check"], b"", 0);
    assert!(host.check(&["readers"], b"", 0).contains("every reader gets the same"));
    let first = host.check(&["get", "SECRET_KEY"], b"", 0);
    assert_eq!(first.trim().len(), 64);
    host.check(&asked, b"", 3);
    host.check(&["generate", "--key", "SECRET_KEY"], b"", 0);
    assert_ne!(host.check(&["get", "SECRET_KEY"], b"", 0), first);
}

#[test]
fn every_format_is_whole_and_holds_no_value() {
    let host = Host::with(BROKEN.as_bytes());
    for format in ["text", "short", "json", "github", "sarif"] {
        let text = host.check(&["check", "--format", format], b"", 1);
        assert!(text.contains("ENV-004") && !text.contains("gacn"), "{format}: {text}");
        if format == "json" || format == "sarif" {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(json["complete"] == true || json["version"] == "2.1.0");
        }
    }
}

#[test]
fn links_fifos_and_second_names_are_refused() {
    let host = Host::with(b"A=1\n");
    let other = host.0.path().join("etc/other");
    fs::hard_link(host.file(), &other).unwrap();
    host.check(&["fix"], b"", 3);
    fs::remove_file(&other).unwrap();
    fs::rename(host.file(), &other).unwrap();
    std::os::unix::fs::symlink("/etc/other", host.file()).unwrap();
    host.check(&["check"], b"", 3);
    fs::remove_file(host.file()).unwrap();
    nix::unistd::mkfifo(&host.file(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    host.check(&["check"], b"", 3);
    assert!(Path::new(&other).is_file());
}
