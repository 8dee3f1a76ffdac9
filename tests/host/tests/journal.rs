//! systemd's journal files as systemd of two releases writes them, read by us and by journalctl: the
//! same lines, in the same order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::{Machine, recipe};
use meats::sys::{Root, journal};
use serde_json::Value;

/// What the journal is given: short and long lines, bytes that are no text, a message over several
/// lines and one twice, lines of another user and of PID 1, and a unit that fails.
const SAY: &str = r#"
id -u someone >/dev/null 2>&1 || useradd -u 1234 someone
systemd-run -q --wait --unit=say sh -c 'seq -f "line %g" 300; printf "bytes \377\376\n"; head -c 9000 /dev/zero | tr "\0" x; echo; seq 20000 | tr "\n" " "; echo; echo a tab"	"here'
systemd-run -q --wait --unit=say --uid=1234 sh -c 'echo of another user; seq 1000 | tr "\n" " "'
systemd-run -q --wait --unit=say sh -c 'echo last words >&2; exit 7' || true
systemctl reset-failed say 2>/dev/null
python3 - <<'END'
import socket, struct
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
def send(*messages):
    data = b"SYSLOG_IDENTIFIER=native\nTEST_OF=say\n"
    for message in messages:
        data += b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n"
    to.sendto(data, "/run/systemd/journal/socket")
send(b"several\nlines\n\n")
send(b"first", b"second")
send(b"")
send(b"\x00\x01\xff" * 30000)
send(b"a long one " * 12000)
END
journalctl --sync
"#;

const QUERIES: &[&[&str]] = &[
    &["_SYSTEMD_UNIT=say.service", "UNIT=say.service"],
    &["TEST_OF=say"],
    &["_UID=1234"],
    &["_PID=1"],
    &["_TRANSPORT=stdout", "_TRANSPORT=journal"],
    &["_SYSTEMD_UNIT=nowhere.service"],
];

/// Time, identifier and message.
type Said = (u64, String, String);

fn by_journalctl(machine: &Machine, values: &[&str], max: usize) -> Result<Vec<Said>> {
    let matches = values.join(" + ");
    let text = machine.ok(&format!("journalctl -q --all -o json -n {max} {matches}"))?;
    text.lines().map(|line| said(&serde_json::from_str(line)?)).collect()
}

fn said(entry: &Value) -> Result<Said> {
    let text = |name: &str| text_of(&entry[name]);
    let identifier = text("SYSLOG_IDENTIFIER");
    let identifier = if identifier.is_empty() { text("_COMM") } else { identifier };
    Ok((text("__REALTIME_TIMESTAMP").parse()?, identifier, text("MESSAGE")))
}

/// journalctl(1), `-o json`: a string, bytes, or several of these.
fn text_of(value: &Value) -> String {
    match value {
        Value::Array(several) if several.iter().any(|v| !v.is_number()) => text_of(&several[0]),
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes.iter().map(|b| b.as_u64().unwrap_or(0) as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn by_files(root: &Root, values: &[&str], max: usize) -> Result<Vec<Said>> {
    let reading = journal::query(root, values, &[], max, Duration::from_secs(20));
    let reading = reading.map_err(anyhow::Error::msg)?;
    ensure!(reading.by_journalctl.is_none(), "{reading:?}");
    ensure!(reading.troubles.is_empty(), "{:?}", reading.troubles);
    ensure!(reading.entries >= reading.lines.len() as u64, "{} entries", reading.entries);
    Ok(reading.lines.into_iter().map(|l| (l.time, l.identifier, l.message)).collect())
}

/// Both readers on every question; how many lines were compared.
fn compare(machine: &Machine, what: &str) -> Result<usize> {
    let root = Root::open(&machine.root())?;
    let mut compared = 0;
    for values in QUERIES {
        for max in [1, 50, 100_000] {
            let expected = by_journalctl(machine, values, max)?;
            let got = by_files(&root, values, max)?;
            let differs = got.iter().zip(&expected).position(|(a, b)| a != b);
            ensure!(
                got.len() == expected.len() && differs.is_none(),
                "{what}: {values:?}, last {max}: {} lines, journalctl has {}; line {differs:?}: {:?}",
                got.len(),
                expected.len(),
                differs.map(|n| (short(&got[n]), short(&expected[n]))),
            );
            compared += got.len();
        }
    }
    Ok(compared)
}

fn short((time, identifier, message): &Said) -> String {
    format!("{time} {identifier} {} {:.80}", message.len(), message)
}

/// With another form of file from here on.
fn form(machine: &Machine, variables: &str) -> Result<()> {
    machine.ok(&format!(
        "mkdir -p /run/systemd/system/systemd-journald.service.d; \
         printf '[Service]\nEnvironment={variables}\n' \
             >/run/systemd/system/systemd-journald.service.d/form.conf; \
         systemctl daemon-reload; systemctl restart systemd-journald; journalctl --rotate"
    ))?;
    Ok(())
}

/// The forms of the files that there are, one a line.
fn forms_there(machine: &Machine) -> Result<String> {
    machine.ok("journalctl --header | grep -i '^incompatible' | sort -u")
}

fn on(recipe: &recipe::Recipe, forms: &[&str]) -> Result<()> {
    let mut machine = Machine::of(recipe)?;
    machine.boot()?;
    let mut compared = 0;
    for variables in forms {
        form(&machine, variables)?;
        machine.ok(SAY)?;
        compared += compare(&machine, variables)?;
    }
    machine.ok("journalctl --rotate")?;
    machine.ok(SAY)?;
    compared += compare(&machine, "after rotation")?;
    machine.reboot()?;
    machine.ok(SAY)?;
    compared += compare(&machine, "after a reboot")?;
    ensure!(compared > 5000, "only {compared} lines were compared");
    let there = forms_there(&machine)?;
    ensure!(there.lines().count() >= forms.len(), "{there}");
    while_it_is_written(&machine)?;
    unknown_form(&machine)?;
    machine.finish()
}

/// journald writes all the time: every reading is whole.
fn while_it_is_written(machine: &Machine) -> Result<()> {
    machine.ok(
        "systemd-run -q --unit=writer -p LogRateLimitBurst=1000000 -p LogRateLimitIntervalSec=1 \
        sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n+1)); echo $n; done'",
    )?;
    let root = Root::open(&machine.root())?;
    let mut newest = 0;
    for _ in 0..100 {
        let lines = by_files(&root, &["_SYSTEMD_UNIT=writer.service"], 200)?;
        let numbers: Vec<u64> = lines.iter().filter_map(|(.., text)| text.parse().ok()).collect();
        ensure!(numbers.len() == lines.len(), "{lines:?}");
        ensure!(numbers.windows(2).all(|n| n[0] + 1 == n[1]), "{numbers:?}");
        newest = numbers.last().copied().unwrap_or(newest);
        std::thread::sleep(Duration::from_millis(10));
    }
    ensure!(newest > 0, "the writer has written nothing");
    machine.ok("systemctl stop writer")?;
    Ok(())
}

/// A file of a later systemd: the reason is said, and nothing of it is guessed.
fn unknown_form(machine: &Machine) -> Result<()> {
    let id = machine.fetch("/etc/machine-id")?;
    let file = format!("/var/log/journal/{}/system.journal", id.trim());
    machine.ok(&format!(
        "cp {file} /root/kept; printf '\\200' | dd of={file} bs=1 seek=12 conv=notrunc status=none"
    ))?;
    let root = Root::open(&machine.root())?;
    // No such file is there for the journalctl of this machine either, so the text has both reasons.
    let reading = journal::query(&root, &["_PID=1"], &[], 5, Duration::from_secs(5));
    let why = reading.map_or_else(Some, |r| r.by_journalctl).context("no reason")?;
    ensure!(why.contains("is of an unknown form: flags 0x80"), "{why}");
    Ok(())
}

#[test]
fn as_bookworm_writes_them() -> Result<()> {
    on(&recipe::base(), &["X=", "SYSTEMD_JOURNAL_KEYED_HASH=0"])
}

#[test]
fn as_trixie_writes_them() -> Result<()> {
    let forms = ["X=", "SYSTEMD_JOURNAL_COMPACT=0", "SYSTEMD_JOURNAL_KEYED_HASH=0"];
    on(&recipe::debian_of("trixie"), &forms)
}
