//! The invariants. A target gives a number for the shape of what it saw; it panics on a broken one.

use meats::env::readers::{Outcome, Reader, Value, differing, read_as, reads_back};
use meats::env::scan::scan;
use meats::env::{Context, Defect, Rules, encode, gate, judge, propose, read, set, unset};

pub type Target = (&'static str, fn(&[u8]) -> u64);

pub const TARGETS: &[Target] = &[
    ("read", check_read),
    ("repair", check_repair),
    ("edit", check_edit),
    ("readers", check_readers),
];

/// Mixes small numbers into one.
fn shape(parts: impl IntoIterator<Item = usize>) -> u64 {
    parts.into_iter().fold(7, |hash: u64, part| {
        (hash ^ part.min(15) as u64).wrapping_mul(0x0100_0000_01B3).rotate_left(5)
    })
}

fn check_read(bytes: &[u8]) -> u64 {
    let mut parts = Vec::new();
    for rules in Rules::ALL {
        let mut at = 0;
        for node in scan(bytes, rules) {
            assert_eq!(node.span.start, at);
            assert!(node.span.end > at && node.text.end <= node.span.end);
            at = node.span.end;
        }
        assert_eq!(at, bytes.len());
        let reading = read(bytes, rules);
        if reading.loads.is_err() {
            assert!(reading.vars.is_empty());
        }
        let view = read_as(bytes, Reader::Systemd(rules));
        assert_eq!(view.outcome == Outcome::Whole, reading.loads.is_ok());
        assert_eq!(view.vars.len(), reading.vars.len());
        for (i, var) in reading.vars.iter().enumerate() {
            assert_eq!(view.text(var.key.as_bytes()), Some(var.value.expose()));
            assert!(reading.vars.iter().skip(i + 1).all(|other| other.key != var.key));
            // read∘write is the identity for whatever can be read.
            let form = encode(var.value.expose()).expect("what was read can be written");
            let file = [b"K=", form.as_slice(), b"\n"].concat();
            assert_eq!(read(&file, rules).get("K").map(|v| &v.value), Some(&var.value));
        }
        parts.extend([reading.vars.len(), usize::from(reading.loads.is_ok())]);
        parts.extend(reading.dropped.iter().map(|d| d.why as usize));
    }
    shape(parts)
}

fn check_repair(bytes: &[u8]) -> u64 {
    let context = Context::default();
    let judgement = judge(bytes, &context);
    let mut parts: Vec<usize> = judgement
        .defects
        .iter()
        .map(|d| d.finding.kind.id.bytes().map(usize::from).sum::<usize>() % 16)
        .collect();
    for defect in &judgement.defects {
        assert!(defect.span.end <= bytes.len().max(defect.span.start));
        if let Some(after) = propose(bytes, defect) {
            assert_ne!(after.expose(), bytes);
        }
    }
    if let Some(after) = &judgement.repaired {
        let gains: Vec<String> = judgement.applied.iter().flat_map(|d| d.gains.clone()).collect();
        assert!(gate(bytes, after.expose(), &gains));
        assert!(judge(after.expose(), &context).repaired.is_none());
        keeps_the_rest(bytes, after.expose(), &judgement.applied);
        parts.push(judgement.applied.len());
    }
    shape(parts)
}

/// Lines that no repair names are in the file as before, in their order. A repair of line ends
/// names none, so those are left out of the comparison.
fn keeps_the_rest(before: &[u8], after: &[u8], applied: &[Defect]) {
    if applied.iter().any(|d| d.finding.subject.line.is_none()) || before.contains(&b'\r') {
        return;
    }
    let touched = |number: usize| {
        let at = |d: &Defect| d.finding.subject.line.is_some_and(|l| l.abs_diff(number) <= 1);
        // A value in quotes spans lines.
        applied.iter().any(|d| at(d) || d.edits.iter().any(|e| e.span.len() > 64))
    };
    let mut rest = after.split(|b| *b == b'\n');
    for (index, line) in before.split(|b| *b == b'\n').enumerate() {
        let multiline = applied.iter().flat_map(|d| &d.edits).any(|e| {
            before.get(e.span.clone()).is_some_and(|t| t.contains(&b'\n'))
                || e.text.expose().contains(&b'\n')
        });
        if multiline || touched(index + 1) {
            continue;
        }
        assert!(rest.any(|kept| kept == line), "line {} is not kept", index + 1);
    }
}

fn check_edit(bytes: &[u8]) -> u64 {
    let middle = bytes.len() / 2;
    let (file, value) = bytes.split_at(middle);
    let mut parts = Vec::new();
    if let Ok(written) = set(b"# c\nB=2\n", "A", value) {
        // Each reader that is not named as differing reads the file's both keys.
        let named = differing(value);
        for reader in Reader::ALL.into_iter().filter(|reader| !named.contains(reader)) {
            let view = read_as(written.expose(), reader);
            assert_eq!(view.text(b"A"), Some(value), "{reader}");
            assert_eq!(view.text(b"B"), Some(&b"2"[..]), "{reader}");
        }
    }
    for (after, wanted) in [(set(file, "A", value), Some(value)), (unset(file, "A"), None)] {
        let Ok(after) = after else {
            parts.push(0);
            continue;
        };
        for rules in Rules::ALL {
            let (old, new) = (read(file, rules), read(after.expose(), rules));
            assert!(new.loads.is_ok());
            assert_eq!(new.get("A").map(|v| v.value.expose()), wanted);
            for var in old.vars.iter().filter(|v| v.key != "A") {
                assert_eq!(new.get(&var.key).map(|v| &v.value), Some(&var.value));
            }
            parts.push(new.vars.len());
        }
    }
    shape(parts)
}

fn check_readers(bytes: &[u8]) -> u64 {
    let mut parts = Vec::new();
    for reader in Reader::ALL {
        let view = read_as(bytes, reader);
        parts.push(view.vars.len());
        parts.push(match view.outcome {
            Outcome::Whole => 0,
            Outcome::Error { line, .. } => 1 + line,
            Outcome::Depends { line, .. } => 8 + line,
        });
    }
    // Whatever systemd reads can be written so that systemd and shells read it back.
    for var in read_as(bytes, Reader::Systemd(Rules::Since254)).vars {
        let Value::Text(value) = var.value else { continue };
        let form = encode(value.expose()).expect("what was read can be written");
        for reader in [Reader::Systemd(Rules::Before254), Reader::Sh] {
            assert!(reads_back(&form, value.expose(), reader), "{reader}");
        }
    }
    shape(parts)
}
