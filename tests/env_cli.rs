//! meats-env as it is called: exit statuses, what is written, what is shown. Everything happens
//! below a root of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it starts the built program and stops at the first surprise"
)]

#[path = "support/called.rs"]
mod called;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use called::called;

const SECRET: &str = "x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v";
const BROKEN: &str =
    "export SECRET_KEY=x$y(z)&w#1rs#gacn=n$z(#f@xs2d^i$y9zzqa)3f@5uo)ms2v\r\nDEBUG = False\r\n";

struct Host(tempfile::TempDir);

/// Runs a command with `input` on standard input.
fn handed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input has ended by then.
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait_with_output().unwrap()
}

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
        let mut command = Command::new(called("meats-env"));
        handed(command.args(args).arg("--root").arg(self.0.path()), input)
    }

    /// Runs on a terminal, by script(1); `rest` follows the options of the command line.
    fn on_a_terminal(&self, words: &str, rest: &str) -> Child {
        let (program, root) = (called("meats-env"), self.0.path());
        let command = format!("{} {words} --root {} {rest}", program.display(), root.display());
        Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1) of bsdutils is a prerequisite")
    }

    /// A root whose directories anybody can write, as /tmp.
    fn open_to_all() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let host = Self::with(b"");
        let all = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(host.0.path(), all.clone()).unwrap();
        fs::create_dir(host.0.path().join("all")).unwrap();
        fs::set_permissions(host.0.path().join("all"), all).unwrap();
        host
    }

    /// Runs without root, in the directory that anybody can write. Where the tester is root the
    /// program is a copy that others reach, too.
    fn as_nobody(&self, args: &[&str], input: &[u8]) -> Output {
        use std::os::unix::process::CommandExt;
        let program = self.0.path().join("meats-env");
        if !program.exists() {
            // By cp(1): a program that a child of another test still has open for writing is busy.
            let copied = Command::new("cp").arg(called("meats-env")).arg(&program).status();
            assert!(copied.unwrap().success());
        }
        let mut command = Command::new(program);
        if nix::unistd::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        handed(command.args(args).current_dir(self.0.path().join("all")), input)
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
    // What was replaced is a backup too.
    assert_eq!(host.check(&["restore", "--list"], b"", 0).lines().count(), 2);
}

/// However fast the changes come, and however often the content returns.
#[test]
fn restore_takes_the_last_change_back() {
    let first = b"A=0\n";
    let host = Host::with(first);
    for value in [1, 2, 1, 0, 2, 0, 1, 3, 0, 3, 1, 2] {
        let before = host.content();
        host.check(&["set", "A"], format!("{value}").as_bytes(), 0);
        let changed = host.content();
        host.check(&["restore"], b"", 0);
        assert_eq!(host.content(), before);
        host.check(&["restore"], b"", 0);
        assert_eq!(host.content(), changed);
    }
    // Four contents, and the first backup stays for ever.
    let listed = host.check(&["restore", "--list"], b"", 0);
    assert_eq!(listed.lines().count(), 5, "{listed}");
    let oldest = listed.lines().last().and_then(|line| line.split(' ').next()).unwrap();
    host.check(&["restore", oldest], b"", 0);
    assert_eq!(host.content().as_bytes(), first);
}

/// Many projects have a file of the same name.
#[test]
fn the_backup_of_one_file_is_not_restored_over_another() {
    let host = Host::with(b"A=1\n");
    for directory in ["one", "two"] {
        fs::create_dir(host.0.path().join(directory)).unwrap();
        fs::write(host.0.path().join(directory).join("projectmeats.env"), directory).unwrap();
    }
    let two = ["restore", "/two/projectmeats.env"];
    host.check(&["set", "B", "/one/projectmeats.env"], b"x", 0);
    host.check(&two, b"", 4);
    host.check(&["set", "B", "/two/projectmeats.env"], b"x", 0);
    host.check(&two, b"", 0);
    let content = fs::read(host.0.path().join("two/projectmeats.env")).unwrap();
    assert_eq!(content, b"two");
    assert_eq!(host.check(&["restore", "--list"], b"", 0), "");
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
        (b"A=1\n", &["generate", "--stdout", "--set", "SECRET_KEY=x"], 2),
        (b"A=1\n", &["generate", "--set", "SECRET_KEY=x"], 3),
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
    assert_eq!(host.check(&["check", "/a.env"], b"", 0), "/a.env: 1 key, no findings\n");
    assert_eq!(host.check(&["check", "-"], b"B='x y'\n", 0), "-: 1 key, no findings\n");
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
    // A pipe whose first command failed; an empty value is one line end.
    host.check(&["set", "NEW"], b"", 2);
    host.check(&["set", "EMPTY"], b"\n", 0);
    host.check(&["unset", "EMPTY"], b"", 0);
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

/// What was said when the question stood there and was answered so.
fn answered(child: &mut Child, answer: &[u8]) -> String {
    let mut output = child.stdout.take().unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while !said.ends_with(b": ") && output.read(&mut byte).unwrap() == 1 {
        said.push(byte[0]);
    }
    let mut input = child.stdin.take().unwrap();
    input.write_all(answer).unwrap();
    output.read_to_end(&mut said).unwrap();
    drop(input);
    String::from_utf8_lossy(&said).into_owned()
}

/// A terminal by script(1): every question is answered there, and the file is what was agreed to.
#[test]
fn questions_are_asked_on_a_terminal() {
    let broken = b"export A=1\nB=yes # really\nC=no # really\n";
    let cases: &[(&str, &str)] = &[
        ("y\ny\n", "A=1\nB=yes\nC=no\n"),
        ("n\ny\n", "A=1\nB=yes # really\nC=no\n"),
        ("q\n", "A=1\nB=yes # really\nC=no # really\n"),
    ];
    for (answers, expected) in cases {
        let host = Host::with(b"");
        let file = host.0.path().join("other.env");
        fs::write(&file, broken).unwrap();
        let mut child = host.on_a_terminal("fix --interactive", "/other.env");
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let content = fs::read_to_string(&file).unwrap();
        assert_eq!(content, *expected, "{answers:?}\n{text}");
        assert!(text.contains("[y/N/q]"), "{text}");
        assert!(!text.contains("really"), "a value is shown: {text}");
        let left = u8::from(expected.contains('#'));
        assert_eq!(output.status.code(), Some(left.into()), "{answers:?}\n{text}");
    }
    let host = Host::with(broken);
    let said = host.check(&["fix", "--interactive"], b"y\n", 4);
    assert!(said.contains("no terminal"), "{said}");
}

/// On a terminal the value is asked for; a secret is not shown while it is typed.
#[test]
fn a_value_is_asked_for_on_a_terminal() {
    for (key, shown) in [("DEBUG", true), ("EMAIL_HOST_PASSWORD", false)] {
        let host = Host::with(b"A=1\n");
        let mut child = host.on_a_terminal(&format!("set {key}"), "");
        let said = answered(&mut child, b"it is typed\n");
        assert!(child.wait().unwrap().success());
        assert!(said.starts_with(&format!("value of {key}")), "{said}");
        assert_eq!(said.contains("it is typed"), shown, "{said}");
        assert_eq!(host.content(), format!("A=1\n{key}='it is typed'\n"));
    }
}

/// Ctrl-C at a hidden question changes nothing and gives the terminal its echo back.
#[test]
fn a_hidden_question_can_be_left() {
    let host = Host::with(b"A=1\n");
    let mut child = host.on_a_terminal("set SECRET_KEY", "; echo ended $?; stty -a");
    let said = answered(&mut child, b"half\x03");
    child.wait().unwrap();
    assert!(said.contains("ended 2") && !said.contains("half"), "{said}");
    let flags: Vec<&str> = said.split_whitespace().collect();
    assert!(flags.contains(&"echo") && flags.contains(&"isig"), "{said}");
    assert_eq!(host.content(), "A=1\n");
}

/// Whoever writes at the same time waits; no edit is lost, and none is reported that was not made.
#[test]
fn writers_at_the_same_time_lose_no_edit() {
    let host = Host::with(b"A=1\n");
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let host = &host;
            scope.spawn(move || {
                for turn in 0..8 {
                    host.check(&["set", &format!("K{writer}_{turn}")], b"v", 0);
                }
            });
        }
    });
    assert_eq!(host.content().lines().filter(|line| line.starts_with('K')).count(), 24);
    let names = fs::read_dir(host.file().parent().unwrap()).unwrap().flatten();
    let left = names.filter(|e| e.file_name().to_string_lossy().ends_with(".meats-new"));
    assert_eq!(left.count(), 0);
    // The first one has made the lock that a start takes, too, and did not go without.
    assert_eq!(host.0.path().join("run/projectmeats-fixes/lock").exists(), root());
}

/// A directory of root's in which anybody may make files, as /tmp.
#[test]
fn a_file_of_ones_own_is_repaired_in_any_directory() {
    let host = Host::open_to_all();
    assert!(host.as_nobody(&["set", "A", "x.env"], b"1").status.code() == Some(4));
    let file = host.0.path().join("all/x.env");
    let made = host.as_nobody(
        &[
            "generate",
            "--set",
            "ALLOWED_HOSTS=a.org",
            "--set",
            "DATABASE_URL=sqlite:////x",
            "x.env",
        ],
        b"",
    );
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Not with O_CREAT: the kernel may refuse that to root here (fs.protected_regular).
    let opened = fs::OpenOptions::new().write(true).truncate(true).open(&file);
    opened.unwrap().write_all(b"A = 1\n").unwrap();
    let fixed = host.as_nobody(&["fix", "x.env"], b"");
    assert!(fixed.status.success(), "{}", String::from_utf8_lossy(&fixed.stderr));
    assert_eq!(fs::read(&file).unwrap(), b"A=1\n");
}

/// What could not be written was not repaired.
#[test]
fn a_repair_is_told_when_it_is_done() {
    let host = Host::with(b"A = 1\n");
    fs::remove_dir_all(host.0.path().join("var")).unwrap();
    fs::write(host.0.path().join("var"), "no directory").unwrap();
    let args = ["fix", "/etc/projectmeats/projectmeats.env"];
    let said = match nix::unistd::geteuid().is_root() {
        true => host.check(&args, b"", 4),
        // Without root the copy stands beside the file.
        false => {
            use std::os::unix::fs::PermissionsExt;
            let directory = host.file().parent().unwrap().to_owned();
            let mode = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode));
            mode(0o555).unwrap();
            let said = host.check(&args, b"", 4);
            mode(0o755).unwrap();
            said
        }
    };
    assert!(!said.contains("repaired"), "{said}");
    assert!(said.contains("the file is as it was"), "{said}");
}

#[test]
fn what_readers_say_is_true_of_lines_that_systemd_drops_or_refuses() {
    let cases: &[(&[u8], i32, &str)] = &[
        (b"export A=1\n", 1, "set, not by systemd"),
        (b"A=\xff\n", 3, "systemd refuses the whole file"),
        (b"A=\0\n", 3, "systemd refuses the whole file"),
        (b"A=1\n", 0, "every reader gets the same values"),
    ];
    for (content, code, expected) in cases {
        let said = Host::with(b"").check(&["readers", "-"], content, *code);
        assert!(said.contains(expected), "{content:?}: {said}");
    }
    let host = Host::with(b"");
    let said = host.check(&["readers", "-"], b"A: 1\n", 1);
    assert!(said.contains("compose   set, not by systemd"), "{said}");
    let wrapped = b"DATABASE_URL=\npostgres://m:Tr0ub4dor3@db-1/m?sslmode=require\n";
    for args in [&["readers", "-"][..], &["readers", "--json", "-"]] {
        let output = host.run(args, wrapped);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("decouple") && !said.contains("Tr0ub"), "{said}");
    }
}

/// Where nothing can be printed nothing is said to be well.
#[test]
fn lost_output_is_no_success() {
    let host = Host::with(b"A='x y'\nALLOWED_HOSTS=a.org\n");
    let commands: &[&[&str]] = &[
        &["read", "-0"],
        &["read"],
        &["read", "--json"],
        &["readers"],
        &["check", "--json"],
        &["check", "--format", "short"],
        &["fix", "--dry-run"],
        &["get", "A"],
    ];
    for args in commands {
        let output = Command::new(called("meats-env"))
            .args(*args)
            .arg("--root")
            .arg(host.0.path())
            .stdin(Stdio::null())
            .stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{args:?}: {said}");
        assert!(said.contains("standard output"), "{args:?}: {said}");
    }
}

#[test]
fn standard_input_is_not_both_file_and_value() {
    let host = Host::with(b"");
    let said = host.check(&["set", "A", "-"], b"B=2\nC=3\n", 2);
    assert!(said.contains("--value-file"), "{said}");
    fs::write(host.0.path().join("value"), "it's $5").unwrap();
    let said = host.check(&["set", "A", "-", "--value-file", "/value"], b"B=2\n", 0);
    assert!(said.starts_with("B=2\nA=") && said.ends_with("readers -\n"), "{said}");
}

/// Another file beside the service's is named where it is meant, in every format.
#[test]
fn a_finding_names_the_file_that_it_is_about() {
    let host = Host::with(b"SECRET_KEY=0123456789012345678901234567890123456789012345678901\nDEBUG=False\nALLOWED_HOSTS=a.org\nDATABASE_URL=sqlite:////x\n");
    let other = "opt/projectmeats/backend/.env";
    fs::create_dir_all(host.0.path().join(other).parent().unwrap()).unwrap();
    fs::write(host.0.path().join(other), "# ours\n\nDEBUG=True\n").unwrap();
    for (format, expected) in [
        ("text", "/opt/projectmeats/backend/.env:3: warning ENV-018"),
        ("short", "/opt/projectmeats/backend/.env:3: warning ENV-018"),
        ("json", "\"file\": \"/opt/projectmeats/backend/.env\""),
        ("github", "file=/opt/projectmeats/backend/.env,line=3"),
        ("sarif", "\"uri\": \"/opt/projectmeats/backend/.env\""),
    ] {
        let said = host.check(&["check", "--format", format], b"", 1);
        assert!(said.contains(expected), "{format}: {said}");
    }
}

#[test]
fn a_finding_is_told_with_reason_and_remedy_for_that_file() {
    let host = Host::with(b"");
    fs::write(host.0.path().join("x y.env"), "A = 1\nSECURE_SSL_REDIRECT=perhaps\n").unwrap();
    let said = host.check(&["check", "/x y.env"], b"", 1);
    for expected in ["= why: ", "= do: Close up:", "meats-env fix '/x y.env'"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let said = host.check(&["check", "--json", "/x y.env"], b"", 1);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let findings = json["files"][0]["findings"].as_array().unwrap();
    let remedy = |code: &str| {
        let found = findings.iter().find(|f| f["code"] == code).expect(code);
        found["remedy"].as_str().unwrap().to_owned()
    };
    assert_eq!(remedy("space-around-equals"), "Close up:\n    meats-env fix '/x y.env'");
    assert!(remedy("not-boolean").ends_with("set SECURE_SSL_REDIRECT '/x y.env'"));
    let said = host.check(&["check", "--format", "sarif", "/x y.env"], b"", 1);
    assert!(said.contains("meats-env fix FILE"), "{said}");
    // The service's own file is meant by a command that names none.
    fs::write(host.file(), "A = 1\n").unwrap();
    assert!(host.check(&["check"], b"", 1).contains("\n            meats-env fix\n"));
}

#[test]
fn colours_are_shown_where_they_are_wanted() {
    let host = Host::with(b"A = 1\n");
    for (when, colored) in [("always", true), ("never", false), ("auto", false)] {
        let said = host.check(&["check", "--color", when], b"", 1);
        assert_eq!(said.contains("\x1b["), colored, "{when}: {said}");
    }
    assert!(!host.check(&["check", "--color", "always", "--json"], b"", 1).contains("\x1b"));
}

/// Owner and mode of the service's file: what check promises, fix does, if it can.
#[test]
fn the_mode_of_the_services_file_is_repaired() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let host = Host::with(b"SECRET_KEY=0123456789012345678901234567890123456789012345678901\nDEBUG=False\nALLOWED_HOSTS=a.org\nDATABASE_URL=sqlite:////x\n");
    let etc = host.0.path().join("etc");
    fs::write(etc.join("passwd"), "projectmeats:x:901:901::/:/bin/false\n").unwrap();
    fs::write(etc.join("group"), "projectmeats:x:901:\nwww-data:x:33:\n").unwrap();
    fs::set_permissions(host.file(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(host.check(&["check"], b"", 1).contains("ENV-090"));
    assert!(host.check(&["fix", "--dry-run"], b"", i32::from(!root())).contains("ENV-090"));
    let said = host.check(&["fix"], b"", i32::from(!root()));
    assert!(said.contains("ENV-090") && !said.contains("nothing to repair"), "{said}");
    if root() {
        assert_eq!(fs::metadata(host.file()).unwrap().mode() & 0o777, 0o640);
        assert!(host.check(&["fix"], b"", 0).contains("nothing to repair"));
        host.check(&["check"], b"", 0);
    }
}

fn root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A directory that could not be searched, or has nothing to be looked at, is told.
#[test]
fn a_directory_is_never_passed_over_in_silence() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::open_to_all();
    let all = host.0.path().join("all");
    for directory in ["empty", "some/closed"] {
        fs::create_dir_all(all.join(directory)).unwrap();
    }
    fs::write(all.join("some/a.env"), "A=1\n").unwrap();
    fs::set_permissions(all.join("some/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let say = |args: &[&str], code: i32| {
        let output = host.as_nobody(args, b"");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    };
    assert!(say(&["check", "empty"], 0).contains("empty: no env file found"));
    assert!(say(&["fix", "empty"], 0).contains("empty: no env file found"));
    for format in ["text", "short", "json", "github", "sarif"] {
        let said = say(&["check", "--format", format, "some"], 4);
        assert!(said.contains("some/closed"), "{format}: {said}");
    }
    assert!(say(&["check", "some/closed"], 4).contains("not checked"));
    assert!(say(&["fix", "some"], 4).contains("some/closed"));
}

/// Whoever only reads may do so by links of his own; nothing is edited by them.
#[test]
fn links_are_followed_for_reading_only() {
    let host = Host::open_to_all();
    let all = host.0.path().join("all");
    host.as_nobody(
        &["generate", "--set", "ALLOWED_HOSTS=a", "--set", "DATABASE_URL=sqlite:////x", "file.env"],
        b"",
    );
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, all.join(name)).unwrap();
        if root() {
            let nobody = Some(nix::unistd::Uid::from_raw(65534));
            let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
            nix::unistd::fchownat(nix::fcntl::AT_FDCWD, &all.join(name), nobody, None, flags)
                .unwrap();
        }
    };
    link(Path::new("file.env"), "link.env");
    link(&all, "current");
    for args in [
        &["get", "ALLOWED_HOSTS", "link.env"][..],
        &["read", "link.env"],
        &["export", "--for", "sh", "link.env"],
        &["readers", "link.env"],
        &["check", "link.env"],
        &["get", "ALLOWED_HOSTS", "current/file.env"],
        &["get", "ALLOWED_HOSTS", "current/link.env"],
    ] {
        let output = host.as_nobody(args, b"");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let said = host.as_nobody(&["check", "--format", "short", "current"], b"");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    for args in [&["fix", "link.env"][..], &["set", "A", "link.env"], &["unset", "A", "link.env"]] {
        let output = host.as_nobody(args, b"1");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("name its target: ") && said.contains("/all/file.env"), "{said}");
    }
    let said = host.as_nobody(&["get", "A", "/dev/stdin"], b"A=1\n");
    assert_eq!(said.stdout, b"1\n");
    nix::unistd::mkfifo(&all.join("fifo.env"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let said = host.as_nobody(&["get", "A", "fifo.env"], b"");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.code() == Some(3) && text.contains("standard input"), "{text}");
    // Where root reads, the link of another user leads nowhere that its maker could not go.
    if root() {
        fs::write(host.0.path().join("secret.env"), "A=1\n").unwrap();
        link(&host.0.path().join("secret.env"), "trap.env");
        let trap = all.join("trap.env");
        let output =
            Command::new(called("meats-env")).args(["get", "A"]).arg(&trap).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A shell's `<(...)` is a descriptor by its path.
#[test]
fn process_substitution_is_read() {
    let program = called("meats-env");
    let line = format!("{} get A <(echo A=1)", program.display());
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(output.stdout, b"1\n", "{}", String::from_utf8_lossy(&output.stderr));
}

/// Without root the backups are beside the file, and are found there.
#[test]
fn backups_without_root_are_brought_back() {
    let host = Host::open_to_all();
    let say = |args: &[&str], input: &[u8], code: i32| {
        let output = host.as_nobody(args, input);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    };
    let template = host.0.path().join("template");
    fs::write(&template, "A=0\n").unwrap();
    say(&["generate", "--template", template.to_str().unwrap(), "x.env"], b"", 0);
    say(&["generate", "--template", template.to_str().unwrap(), "y.env"], b"", 0);
    say(&["restore", "x.env"], b"", 4);
    for value in ["1", "0", "1"] {
        say(&["set", "A", "x.env"], value.as_bytes(), 0);
    }
    say(&["restore", "x.env"], b"", 0);
    assert_eq!(say(&["get", "A", "x.env"], b"", 0), "0\n");
    assert!(say(&["diff", "x.env"], b"", 1).contains("A=********"));
    // Two contents, and the first backup stays for ever.
    let listed = say(&["restore", "--list", "x.env"], b"", 0);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let id = listed.split(' ').next().unwrap();
    say(&["restore", id, "x.env"], b"", 0);
    say(&["restore", "y.env"], b"", 4);
    fs::remove_file(host.0.path().join("all/x.env")).unwrap();
    say(&["restore", "x.env"], b"", 0);
    // A copy is not checked.
    assert_eq!(say(&["check", "."], b"", 0).lines().count(), 2);
}

#[test]
fn a_deleted_file_of_the_service_comes_back_with_its_group() {
    use std::os::unix::fs::MetadataExt;
    let host = Host::with(b"A=1\n");
    let etc = host.0.path().join("etc");
    fs::write(etc.join("passwd"), "projectmeats:x:901:901::/:/bin/false\n").unwrap();
    fs::write(etc.join("group"), "projectmeats:x:901:\nwww-data:x:33:\n").unwrap();
    host.check(&["set", "A"], b"2", 0);
    fs::remove_file(host.file()).unwrap();
    host.check(&["restore"], b"", 0);
    assert_eq!(host.content(), "A=1\n");
    if root() {
        let now = fs::metadata(host.file()).unwrap();
        assert_eq!((now.uid(), now.gid(), now.mode() & 0o777), (0, 901, 0o640));
    }
}

#[test]
fn generated_from_whatever_template() {
    let host = Host::with(b"");
    let generated = |template: &str, code: i32| {
        fs::write(host.0.path().join("template"), template).unwrap();
        let output = host.run(&["generate", "--template", "/template", "-"], b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{template}: {said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    for template in ["SECRET_KEY=\n", "export SECRET_KEY=<secret>\n", "SECRET_KEY = ''\n"] {
        let (text, said) = generated(template, 0);
        let value = text.strip_prefix("SECRET_KEY=").unwrap_or_default();
        assert!(value.trim_end().len() == 64 && said.is_empty(), "{template}: {text} {said}");
    }
    let (text, said) = generated("EMAIL_HOST_PASSWORD=\n", 0);
    assert_eq!(text, "EMAIL_HOST_PASSWORD=\n");
    assert!(said.contains("empty, as in the template: EMAIL_HOST_PASSWORD"), "{said}");
    assert!(!host.0.path().join("-").exists());
    let said = host.check(&["generate", "--template", "/template", "/none/x.env"], b"", 4);
    assert!(said.contains("there is no directory /none"), "{said}");
}

/// What is asked for and holds a password is not shown while it is typed.
#[test]
fn a_generated_file_asks_for_secrets_without_showing_them() {
    let host = Host::with(b"");
    let mut child = host.on_a_terminal("generate --set ALLOWED_HOSTS=a.org", "/new.env");
    let said = answered(&mut child, b"postgres://m:hunter2hunter@db/m\n");
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(said.contains("DATABASE_URL") && !said.contains("hunter"), "{said}");
    let content = fs::read_to_string(host.0.path().join("new.env")).unwrap();
    assert!(content.contains("postgres://m:hunter2hunter@db/m"), "{said}");
}
