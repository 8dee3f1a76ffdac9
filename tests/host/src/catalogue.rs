//! The catalogue of failures: each is brought about on a running host, must be named first by the
//! report, and must end with what the report says to do.
//!
//! A group of cases shares one machine. After each case the host is healthy again, or the group
//! puts it back; what a case leaves behind shows as the next case's first finding.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::machine::Machine;
use crate::recipe::Recipe;
use crate::run::Output;
use crate::{field, package, service};

/// Who ends the failure.
#[derive(Clone, Copy, Debug)]
pub enum Heal {
    /// The commands that the report prints with the finding, pasted in order.
    Pasted,
    /// As `Pasted`, and this is typed where a value is asked for.
    Answered(&'static str),
    /// Nobody but a person can know what is right: this script stands for what the person does
    /// after reading the report.
    Person(&'static str),
}

/// One failure.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// `F01`.
    pub number: &'static str,
    pub what: &'static str,
    /// Brings it about; `kick` restarts the service and waits a moment.
    pub script: &'static str,
    /// The id that comes first.
    pub id: &'static str,
    pub heal: Heal,
}

/// Functions for the scripts of cases.
const PRELUDE: &str = r#"
export PIP_NO_INDEX=1 PIP_FIND_LINKS='/srv/index /srv/wheels'
E=/etc/projectmeats/projectmeats.env
APP=/opt/projectmeats
LOGS=/var/log/projectmeats
kick() {
    systemctl daemon-reload; systemctl reset-failed projectmeats.service projectmeats.socket
    timeout 20 systemctl restart projectmeats; sleep 0.3
} >/dev/null 2>&1
put_back() {
    for kept in /root/pristine/*; do
        place=$(cat $kept/place); rm -rf $place; cp -a $kept/content $place
    done
    systemctl try-reload-or-restart nginx; kick
}
unit() { put_back; sed -i "$1" /etc/systemd/system/projectmeats.service; kick; }
drop_in() {
    mkdir -p /etc/systemd/system/projectmeats.service.d
    printf '[Service]\n%s\n' "$@" >/etc/systemd/system/projectmeats.service.d/50-admin.conf; kick
}
no_drop_in() { rm -r /etc/systemd/system/projectmeats.service.d; kick; }
key() { sed -i "/^$1=/d" $E; [ $# -lt 2 ] || printf '%s=%s\n' "$1" "$2" >>$E; }
"#;

/// Keeps what `put_back` brings back.
const KEEP: &str = "\
for place in /etc/projectmeats /etc/systemd/system /etc/nginx /opt/projectmeats/backend; do
    [ -e $place ] || continue
    kept=/root/pristine/$(basename $place); mkdir -p $kept
    cp -a $place $kept/content; echo $place >$kept/place
done
";

/// What the script that this package replaces looked at, as it looked: a line for each complaint.
const ORIGINAL: &str = include_str!("original.sh");

/// The state in which a group's host begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// No unit but the generated one.
    Fresh,
    /// The administrator's unit of the field, already repaired.
    Field,
    /// PostgreSQL, nginx and a first release, by `meats-deploy setup`.
    Site,
}

impl Begin {
    /// On a machine that runs not yet.
    fn lay(self, machine: &Machine) -> Result<()> {
        match self {
            Self::Fresh => field::fresh_host(&machine.root()),
            Self::Field => field::break_host(&machine.root()),
            Self::Site => Ok(()),
        }
    }

    /// After the package was installed.
    fn script(self) -> &'static str {
        match self {
            Self::Fresh | Self::Field => "",
            Self::Site => {
                "meats-deploy setup --from /srv/app --wheelhouse /srv/wheels \
                           --host meats.example"
            }
        }
    }
}

/// A host for cases.
#[derive(Debug)]
pub struct Group {
    machine: Machine,
    /// Complaints of the original on the healthy host: no catch.
    noise: Vec<String>,
    table: String,
    wrong: String,
}

impl Group {
    /// Boots, installs, prepares, and sees that nothing is found.
    ///
    /// # Errors
    /// When the host is not healthy to begin with.
    pub fn new(recipe: &Recipe, begin: Begin, prepare: &str) -> Result<Self> {
        let mut machine = Machine::of(recipe)?;
        begin.lay(&machine)?;
        machine.boot()?;
        package::install(&machine)?;
        let script = format!("{PRELUDE}\nset -e\n{}\n{prepare}\n", begin.script());
        let limit = Duration::from_secs(200);
        let output = machine.run_with(&script, b"", limit)?;
        ensure!(output.code == 0, "preparation: {output}");
        service::await_health(&machine)?;
        machine.ok(KEEP)?;
        let (table, wrong) = (String::new(), String::new());
        let mut group = Self { machine, noise: Vec::new(), table, wrong };
        let first = group.diagnosis()?;
        ensure!(first.code == 0 && first.ids.is_empty(), "not healthy at first: {first:?}");
        group.noise = group.original()?;
        Ok(group)
    }

    /// The machine, for what no case can say.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Goes through the cases; a wrong one does not stop the others.
    ///
    /// # Errors
    /// When the machine itself fails, or cannot be put back.
    pub fn go(&mut self, cases: &[Case]) -> Result<()> {
        let only = std::env::var("MEATS_CASE").unwrap_or_default();
        for case in cases.iter().filter(|c| format!("{} {}", c.number, c.what).contains(&only)) {
            let begin = Instant::now();
            let told = self.case(case)?;
            let catch = self.original_catches(case)?;
            let healed = match &told {
                Ok(report) => self.heal(case, report)?,
                Err(_) => Err("not tried".to_owned()),
            };
            let ms = begin.elapsed().as_millis();
            let said = |r: &Result<String, String>| r.clone().unwrap_or_else(|why| why);
            for wrong in [told.as_ref().err(), healed.as_ref().err()].into_iter().flatten() {
                writeln!(self.wrong, "{} {}: {wrong}", case.number, case.what)?;
            }
            writeln!(
                self.table,
                "{:<4} {:<44} {:<8} {:<9} original {:<6} {ms} ms",
                case.number,
                case.what,
                if told.is_ok() { case.id } else { "WRONG" },
                said(&healed).lines().next().unwrap_or_default(),
                if catch { "alarm" } else { "silent" },
            )?;
            if healed.is_err() {
                if let (Err(_), Heal::Person(script)) = (&told, case.heal) {
                    let script = format!("{PRELUDE}\n{script}\n");
                    self.machine.run_with(&script, b"", Duration::from_secs(60))?;
                }
                if let Err(error) = self.put_back() {
                    writeln!(self.wrong, "{} {}: {error}", case.number, case.what)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Makes a host unusual, and sees that nothing is found.
    ///
    /// # Errors
    /// When the machine itself fails.
    pub fn healthy(&mut self, what: &str, script: &str) -> Result<()> {
        let script = format!("{PRELUDE}\n{script}\n");
        let said = self.machine.run_with(&script, b"", Duration::from_secs(60))?;
        let begin = Instant::now();
        let mut seen = self.diagnosis()?;
        while !seen.is_clean() && begin.elapsed() < Duration::from_secs(4) {
            std::thread::sleep(Duration::from_millis(300));
            seen = self.diagnosis()?;
        }
        let word = if seen.is_clean() { "nothing found" } else { "FOUND SOMETHING" };
        writeln!(self.table, "{what:<52} {word}")?;
        if !seen.is_clean() {
            let report = self.machine.run("meats-diagnose --color never")?;
            writeln!(self.wrong, "{what}: {said}\n{report}")?;
        }
        Ok(())
    }

    /// A look that cannot be whole: nothing is found, and the exit status says so.
    ///
    /// # Errors
    /// When it claims more.
    pub fn incomplete(&self, what: &str, command: &str) -> Result<()> {
        let output = self.machine.run(command)?;
        let seen = Seen::parse(&output)?;
        ensure!(
            seen.code == 4 && seen.ids.is_empty() && !seen.not_checked.is_empty(),
            "{what}: {seen:?}"
        );
        Ok(())
    }

    /// The end: prints the table.
    ///
    /// # Errors
    /// When a case went wrong.
    pub fn finish(self) -> Result<()> {
        eprintln!("{}", self.table);
        if !self.wrong.is_empty() {
            bail!("{}", self.wrong);
        }
        self.machine.finish()
    }

    fn case(&self, case: &Case) -> Result<Result<String, String>> {
        let script = format!("{PRELUDE}\n{}\n", case.script);
        self.machine.run_with(&script, b"", Duration::from_secs(60))?;
        let begin = Instant::now();
        let mut seen = self.diagnosis()?;
        // A unit of Type=simple counts as started before it dies.
        while seen.ids.first().map(String::as_str) != Some(case.id)
            && begin.elapsed() < Duration::from_secs(3)
        {
            std::thread::sleep(Duration::from_millis(200));
            seen = self.diagnosis()?;
        }
        let report = self.machine.run("meats-diagnose --color never")?;
        let first = seen.ids.first().map(String::as_str);
        if first != Some(case.id) || seen.code == 0 || report.code == 0 {
            return Ok(Err(format!("{} expected, found {:?}:\n{report}", case.id, seen.ids)));
        }
        let wide = report.stdout.lines().find(|l| l.chars().count() > 80 && !l.starts_with("    "));
        let wide = wide.filter(|l| l.split_whitespace().count() > 3);
        Ok(match wide {
            Some(line) if !line.contains(": BROKEN - ") => Err(format!("a wide line: {line}")),
            _ if !report.stdout.contains("\nDo this first:\n    ") => {
                Err(format!("nothing to do first:\n{report}"))
            }
            _ => Ok(report.stdout),
        })
    }

    fn heal(&self, case: &Case, report: &str) -> Result<Result<String, String>> {
        let (word, script) = match case.heal {
            Heal::Person(script) => ("by hand", format!("{PRELUDE}\n{script}\n")),
            Heal::Pasted => ("pasted", pasted(report, case.id, "")),
            Heal::Answered(answer) => ("answered", pasted(report, case.id, answer)),
        };
        let output = self.machine.run_with(&script, b"y\n", Duration::from_secs(60))?;
        let begin = Instant::now();
        loop {
            let now = self.diagnosis()?;
            if now.code == 0 && now.ids.is_empty() {
                return Ok(Ok(word.to_owned()));
            }
            if begin.elapsed() > Duration::from_secs(12) {
                let report = self.machine.run("meats-diagnose --color never")?;
                return Ok(Err(format!("NOT HEALED by:\n{script}\n{output}\n{report}")));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn put_back(&self) -> Result<()> {
        let script = format!("{PRELUDE}\nput_back\n");
        self.machine.run_with(&script, b"", Duration::from_secs(60))?;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(15) {
            if self.diagnosis()?.code == 0 {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        bail!("the host could not be put back:\n{}", self.machine.run("meats-diagnose")?)
    }

    /// Ids in order, and the exit status.
    pub fn diagnosis(&self) -> Result<Seen> {
        let output = self.machine.run("meats-diagnose --json")?;
        Seen::parse(&output)
    }

    fn original(&self) -> Result<Vec<String>> {
        let output = self.machine.run_with(ORIGINAL, b"", Duration::from_secs(60))?;
        Ok(output.stdout.lines().map(str::to_owned).collect())
    }

    fn original_catches(&self, case: &Case) -> Result<bool> {
        let said = self.original().with_context(|| case.what)?;
        Ok(said.iter().any(|line| !self.noise.contains(line)))
    }
}

/// What `--json` says.
#[derive(Debug)]
pub struct Seen {
    pub ids: Vec<String>,
    pub code: i32,
    pub not_checked: Vec<String>,
}

impl Seen {
    fn is_clean(&self) -> bool {
        self.code == 0 && self.ids.is_empty()
    }

    fn parse(output: &Output) -> Result<Self> {
        let value: Value =
            serde_json::from_str(&output.stdout).with_context(|| format!("no JSON: {output}"))?;
        let list = |name: &str| value.get(name).and_then(Value::as_array).cloned();
        let findings = list("findings").with_context(|| format!("no findings: {output}"))?;
        let id = |f: &Value| f.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let missing = list("not_checked").unwrap_or_default();
        Ok(Self {
            ids: findings.iter().map(id).collect(),
            code: output.code,
            not_checked: missing.iter().map(Value::to_string).collect(),
        })
    }
}

/// Where pip finds wheels in a root without network.
const PIP: &str = "export PIP_NO_INDEX=1 PIP_FIND_LINKS='/srv/index /srv/wheels'\n";

/// The commands of the finding's block, as they would be pasted; a question is answered on a
/// terminal.
fn pasted(report: &str, id: &str, answer: &str) -> String {
    let block = report.lines().skip_while(|line| !line.contains(&format!(" {id} ")));
    let commands = block
        .skip(1)
        .take_while(|line| !line.starts_with(['e', 'w', 'n']))
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let mut script = PIP.to_owned();
    for command in commands.map(str::trim) {
        let asks = ["--fix", "--interactive", "--adopt"].iter().any(|w| command.contains(w));
        let line = if command.starts_with("meats-env set ") {
            format!("printf '%s\\n' '{answer}' | script -qec '{command}' /dev/null\n")
        } else if asks {
            format!("yes | head -n 9 | script -qec '{command}' /dev/null\n")
        } else {
            format!("{command}\n")
        };
        script.push_str(&line);
    }
    script
}
