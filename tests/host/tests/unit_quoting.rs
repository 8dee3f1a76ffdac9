//! What fixes.conf says arrives as it is in the process that real systemd starts: percent signs,
//! dollars, quotes, backslashes, blanks and UTF-8 in every value that may hold them.

use anyhow::{Context, Result, ensure};
use host::{Machine, package, recipe};

const CASES: u64 = 60;

/// A small generator of numbers (xorshift64): the same cases in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    /// A word of the characters that quoting is about; `blanks` allows inner ones.
    fn word(&mut self, blanks: bool) -> String {
        const PARTS: &[&str] = &[
            "a", "Z", "0", "%", "%%", "%n", "%h", "$", "$$", "${HOME}", "$USER", "\"", "'", "\\",
            "\\n", "\\x41", "\\\\", ";", "#", "=", ",", "*", "?", "[", "]", "{", "}", "|", "&",
            "<", ">", "(", ")", "~", "!", "@", "+", "-", ":", "`", "ä", "€", "日", "\u{a0}",
        ];
        let mut word = String::new();
        for _ in 0..=self.below(7) {
            word.push_str(PARTS[self.below(PARTS.len())]);
            if blanks && self.below(4) == 0 {
                word.push(' ');
            }
        }
        // the settings file trims, and a backslash at the end would join two lines of the unit
        format!("{}x", word.trim_start())
    }
}

/// The values of one service.
struct Case {
    name: String,
    directory: String,
    venv: String,
    logs: String,
    env_file: String,
    arguments: Vec<String>,
    description: String,
}

impl Case {
    fn new(number: u64) -> Self {
        let mut n = Numbers(0x9e37_79b9_7f4a_7c15 ^ (number + 1));
        let base = format!("/srv/q{number}");
        let mut path = |what: &str| format!("{base}/{what}{}", n.word(true));
        let (directory, venv) = (path("dir"), path("venv"));
        // systemd takes no program with these in its path, so the settings do not either
        let venv = venv.replace(['"', '\'', '\\', '*', '?', '['], "");
        let (logs, env_file) = (path("logs"), path("env"));
        let arguments = (0..=n.below(4)).map(|_| n.word(false)).collect();
        let description = n.word(true);
        Self { name: format!("q{number}"), directory, venv, logs, env_file, arguments, description }
    }

    fn settings(&self) -> String {
        format!(
            "[service]\nname = {}\nuser = 0\ngroup = 0\ndescription = {}\n\
             [paths]\nworking_directory = {}\nvenv = {}\nlog_dir = {}\nenv_file = {}\n\
             runtime_dir = /run/{}\nwritable =\n\
             [gunicorn]\nextra_args = {}\n[listen]\naddresses = /run/{}.sock\nactivation = no\n",
            self.name,
            self.description,
            self.directory,
            self.venv,
            self.logs,
            self.env_file,
            self.name,
            self.arguments.join(" "),
            self.name
        )
    }
}

/// Tells what it was started with.
const PROGRAM: &str = "#!/bin/sh
out=/run/quoting/${SETTING:-none}
pwd >$out.pwd
printf '%s\\0' \"$0\" \"$@\" >$out.argv
cat /proc/$$/environ >$out.environ
exec sleep 60
";

#[test]
fn values_arrive_as_they_are() -> Result<()> {
    recipe::suites().into_iter().try_for_each(|suite| on(suite).context(suite))
}

fn on(suite: &'static str) -> Result<()> {
    let mut machine = Machine::of(&recipe::debian_of(suite))?;
    machine.boot()?;
    package::install(&machine)?;
    machine.ok("mkdir -p /run/quoting /q")?;
    let cases: Vec<Case> = (0..CASES).map(Case::new).collect();
    let mut script = String::from("set -eu\n");
    for case in &cases {
        prepare(&machine, case, &mut script)?;
    }
    machine.ok(&script)?;
    machine.ok("systemctl daemon-reload")?;
    let verify = machine.run("systemd-analyze --man=no verify /run/systemd/system/q*.service")?;
    ensure!(verify.code == 0 && verify.text().is_empty(), "systemd complains: {verify}");
    let names: Vec<String> = cases.iter().map(|c| format!("{}.service", c.name)).collect();
    machine.ok(&format!("systemctl start --no-block {}", names.join(" ")))?;
    machine.wait_for(
        &format!("test $(ls /run/quoting/*.environ | wc -l) = {CASES}"),
        std::time::Duration::from_secs(60),
    )?;
    for case in &cases {
        check(&machine, case).with_context(|| case.settings())?;
    }
    machine.finish()
}

/// The settings below a root of their own, the unit that the generator makes of them, without our
/// helpers and with Type=simple, and the places that it names.
fn prepare(machine: &Machine, case: &Case, script: &mut String) -> Result<()> {
    let root = format!("/q/{}", case.name);
    machine.put(
        &format!("{root}/etc/projectmeats/fixes.conf"),
        case.settings().as_bytes(),
        0o644,
    )?;
    for directory in [&case.directory, &case.logs, &format!("{}/bin", case.venv)] {
        script.push_str(&format!("mkdir -p {}\n", shell(directory)));
    }
    let program = shell(&format!("{}/bin/gunicorn", case.venv));
    script.push_str(&format!("cat >{program} <<'EOF'\n{PROGRAM}EOF\nchmod 755 {program}\n"));
    script.push_str(&format!("echo SETTING={} >{}\n", case.name, shell(&case.env_file)));
    script.push_str(&format!(
        "mkdir -p {root}/out\n\
         /usr/lib/systemd/system-generators/projectmeats-generator --root {root} {root}/out x x\n\
         sed -e '/^ExecStartPre=/d' -e '/^ExecStopPost=/d' -e '/^OnFailure=/d' \\\n\
             -e 's/^Type=notify/Type=simple/' \\\n\
             {root}/out/{0}.service >/run/systemd/system/{0}.service\n\
         mkdir -p /run/systemd/system/{0}.service.d\n\
         printf '[Service]\\nReadWritePaths=/run/quoting\\n' >/run/systemd/system/{0}.service.d/t.conf\n",
        case.name
    ));
    Ok(())
}

fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn check(machine: &Machine, case: &Case) -> Result<()> {
    let read = |what: &str| machine.fetch(&format!("/run/quoting/{}.{what}", case.name));
    ensure!(read("pwd")? == format!("{}\n", case.directory), "pwd: {}", read("pwd")?);
    let argv = read("argv")?;
    let argv: Vec<&str> = argv.trim_end_matches('\0').split('\0').collect();
    let program = format!("{}/bin/gunicorn", case.venv);
    ensure!(argv.first() == Some(&program.as_str()), "program: {argv:?}");
    let log = format!("{}/error.log", case.logs);
    ensure!(argv.contains(&log.as_str()), "log: {argv:?}");
    let last = argv.len() - 1;
    let own = &argv[last - case.arguments.len()..last];
    ensure!(own == case.arguments, "arguments: {own:?}");
    let environ = read("environ")?;
    let path = format!("PATH={}/bin:/usr/local/sbin:", case.venv);
    ensure!(environ.split('\0').any(|v| v.starts_with(&path)), "PATH: {environ:?}");
    let show = format!(
        "busctl --json=short get-property org.freedesktop.systemd1 \
         /org/freedesktop/systemd1/unit/{}_2eservice org.freedesktop.systemd1",
        case.name
    );
    let json = machine.ok(&format!("{show}.Unit Description"))?;
    let description: serde_json::Value = serde_json::from_str(&json)?;
    ensure!(description["data"] == case.description.as_str(), "description: {description}");
    let json = machine.ok(&format!("{show}.Service ReadWritePaths"))?;
    let paths: serde_json::Value = serde_json::from_str(&json)?;
    let wanted = format!("-{}", case.logs);
    let list = paths["data"].as_array().context("no list")?;
    ensure!(list.iter().any(|p| p == wanted.as_str()), "ReadWritePaths: {paths}");
    Ok(())
}
