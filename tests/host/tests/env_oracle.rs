//! Our readings against real programs that this machine need not have: systemd 252 and 257 as
//! process 1, docker compose v2, and docker's client. Random files, and the whole corpus.

#[path = "../../support/noise.rs"]
mod noise;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, recipe};
use meats::env::readers::{Outcome, Reader, Value, View, read_as};
use meats::env::{Rules, read};
use serde_json::Value as Json;

const FILES: u64 = 5000;

/// A service that only says what it was given.
const PROBE: &str = "\
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
EnvironmentFile=/probe/in/%i
ExecStart=/usr/bin/env -0
StandardOutput=truncate:/probe/out/%i
StandardError=null
";

/// One systemctl for a few hundred services; those that fail are expected.
const START: &str = "\
systemctl daemon-reload
ls /probe/in | sed 's/.*/probe@&.service/' | xargs -n 250 systemctl start 2>/dev/null
true";

type Files = BTreeMap<String, Vec<u8>>;

/// Random files, and those of the corpus.
fn files() -> Result<Files> {
    let mut made: Files = (0..FILES).map(|n| (format!("n{n:05}"), noise::env_file(n))).collect();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/env");
    for entry in fs::read_dir(corpus)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "env") {
            let number = path.file_name().context("a name")?.to_string_lossy()[..3].to_owned();
            made.insert(format!("c{number}"), fs::read(&path)?);
        }
    }
    Ok(made)
}

fn lay(machine: &Machine, files: impl Iterator<Item = (String, Vec<u8>)>) -> Result<()> {
    let directory = machine.root().join("probe/in");
    fs::create_dir_all(&directory)?;
    fs::create_dir_all(machine.root().join("probe/out"))?;
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes)?;
    }
    Ok(())
}

fn report(what: &str, total: usize, differing: &[String]) -> Result<()> {
    let first = differing.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
    ensure!(differing.is_empty(), "{what}: {} of {total} differ\n{first}", differing.len());
    Ok(())
}

/// Variables that systemd sets itself.
fn is_own(key: &[u8]) -> bool {
    let own: &[&[u8]] = &[
        b"LANG",
        b"PATH",
        b"INVOCATION_ID",
        b"SYSTEMD_EXEC_PID",
        b"JOURNAL_STREAM",
        b"HOME",
        b"USER",
        b"LOGNAME",
        b"SHELL",
        b"MEMORY_PRESSURE_WATCH",
        b"MEMORY_PRESSURE_WRITE",
        b"SYSTEMD_NSS_DYNAMIC_BYPASS",
    ];
    own.contains(&key) || key.starts_with(b"LC_")
}

fn ask_systemd(mut machine: Machine, rules: Rules) -> Result<()> {
    let files = files()?;
    lay(&machine, files.clone().into_iter())?;
    fs::write(machine.root().join("etc/systemd/system/probe@.service"), PROBE)?;
    machine.boot()?;
    machine.note("systemd is asked about every file");
    machine.run_with(START, b"", Duration::from_secs(600))?;
    let mut differing = Vec::new();
    for (name, bytes) in &files {
        let ours = read(bytes, rules);
        let theirs = fs::read(machine.root().join("probe/out").join(name)).ok();
        let text = String::from_utf8_lossy(bytes);
        let Some(theirs) = theirs.filter(|t| !t.is_empty()) else {
            if ours.loads.is_ok() {
                differing.push(format!("{name} {text:?}: systemd refuses it"));
            }
            continue;
        };
        // Whatever the corpus sets, systemd's own variables included, counts as the file's.
        let mut theirs: Vec<&[u8]> = theirs.split(|b| *b == 0).filter(|e| !e.is_empty()).collect();
        let key = |entry: &&[u8]| entry.split(|b| *b == b'=').next().unwrap_or_default().to_vec();
        theirs.retain(|e| !is_own(&key(e)) || ours.vars.iter().any(|v| v.key.as_bytes() == key(e)));
        let mut found: Vec<Vec<u8>> =
            ours.vars.iter().map(|v| [v.key.as_bytes(), b"=", v.value.expose()].concat()).collect();
        theirs.sort_unstable();
        found.sort_unstable();
        if ours.loads.is_err() || found != theirs {
            let shown: Vec<_> = theirs.iter().map(|t| String::from_utf8_lossy(t)).collect();
            differing.push(format!("{name} {text:?}\n  systemd {shown:?}"));
        }
    }
    report("systemd", files.len(), &differing)?;
    machine.finish()
}

#[test]
fn systemd_before_254() -> Result<()> {
    ask_systemd(Machine::of(&recipe::base())?, Rules::Before254)
}

#[test]
fn systemd_since_254() -> Result<()> {
    ask_systemd(Machine::of(&recipe::newer())?, Rules::Since254)
}

/// Keys and values as text, the way JSON carries what is not UTF-8.
fn shown(view: &View) -> BTreeMap<String, String> {
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let text = |value: &Value| match value {
        Value::Text(value) => Some(lossy(value.expose())),
        Value::None | Value::Fails => None,
    };
    view.vars.iter().filter_map(|v| Some((lossy(&v.key), text(&v.value)?))).collect()
}

/// Go writes one U+FFFD for each broken byte, Rust one for each broken sequence.
fn without_broken(text: &str) -> String {
    text.replace('\u{fffd}', "")
}

fn ask_client(
    reader: Reader,
    script: &str,
    accept: impl Fn(&View) -> Option<&'static str>,
    answer: impl Fn(&Json) -> Option<BTreeMap<String, String>>,
) -> Result<()> {
    let mut machine = Machine::of(&recipe::newer())?;
    let mut asked: Files = Files::new();
    for (name, bytes) in files()? {
        if let Some(prefix) = accept(&read_as(&bytes, reader)) {
            asked.insert(format!("{prefix}-{name}"), bytes);
        }
    }
    lay(&machine, asked.clone().into_iter())?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracle").join(script);
    fs::copy(source, machine.root().join("probe/ask.py"))?;
    machine.boot()?;
    let command = "python3 /probe/ask.py /probe/in /probe/answers.json";
    let output = machine.run_with(command, b"", Duration::from_secs(900))?;
    ensure!(output.code == 0, "{output}");
    let text = fs::read(machine.root().join("probe/answers.json"))?;
    let answers: Json = serde_json::from_slice(&text)?;
    let mut differing = Vec::new();
    for (name, bytes) in &asked {
        let view = read_as(bytes, reader);
        let ours = (view.outcome == Outcome::Whole).then(|| shown(&view));
        let theirs = answer(&answers[name]);
        let plain = |map: &Option<BTreeMap<String, String>>| {
            map.as_ref().map(|map| {
                map.iter()
                    .map(|(k, v)| (without_broken(k), without_broken(v)))
                    .collect::<BTreeMap<_, _>>()
            })
        };
        if plain(&ours) != plain(&theirs) {
            let text = String::from_utf8_lossy(bytes);
            differing.push(format!("{name} {text:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    report(script, asked.len(), &differing)?;
    machine.finish()
}

#[test]
fn docker_compose() -> Result<()> {
    let accept = |view: &View| match view.outcome {
        Outcome::Whole => Some("whole"),
        Outcome::Error { .. } => Some("error"),
        Outcome::Depends { .. } => None,
    };
    // `config` writes each dollar twice.
    ask_client(Reader::Compose, "compose.py", accept, |json| {
        let map = json.as_object()?;
        let text = |v: &Json| v.as_str().unwrap_or_default().replace("$$", "$");
        Some(map.iter().map(|(k, v)| (k.clone(), text(v))).collect())
    })
}

#[test]
fn docker_env_file() -> Result<()> {
    ask_client(
        Reader::Docker,
        "docker.py",
        |_| Some("file"),
        |json| {
            let mut found = BTreeMap::new();
            for entry in json.as_array()? {
                let (key, value) = entry.as_str()?.split_once('=')?;
                found.insert(key.to_owned(), value.to_owned());
            }
            Some(found)
        },
    )
}
