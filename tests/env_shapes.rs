//! Files with a known truth, broken in ways that need no question: after the repair both rule sets
//! of systemd read the truth, and a second run has nothing to do. What is refused stays as it is.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test program stops at the first surprise"
)]

#[path = "support/noise.rs"]
#[expect(dead_code, reason = "whole files of noise are for other tests")]
mod noise;

use std::collections::BTreeMap;

use meats::env::{Context, Rules, encode, judge, read};
use noise::Noise;

const FILES: u64 = 2_500;

type Truth = BTreeMap<String, Vec<u8>>;

const PIECES: &[&str] = &[
    "a",
    "Z9",
    " ",
    "'",
    "\"",
    "\\",
    "$",
    "`",
    "#",
    "=",
    "&",
    ";",
    "(",
    "é",
    "🥩",
    "%",
    "!",
    "~",
    "C:\\x",
    "p@ss",
    "{\"a\": 1}",
    "\\n",
    "x y",
];

fn value(noise: &mut Noise) -> Vec<u8> {
    let mut value: Vec<u8> = Vec::new();
    for _ in 0..noise.below(6) {
        value.extend_from_slice(noise.pick::<&str>(PIECES).as_bytes());
    }
    value
}

/// A good file, line by line, and what is in it.
fn good(noise: &mut Noise) -> (Vec<Vec<u8>>, Truth) {
    let mut truth = Truth::new();
    let mut lines = vec![b"# written by hand".to_vec()];
    for number in 0..=noise.below(7) {
        let key = format!("KEY_{number}");
        let value = value(noise);
        let form = encode(&value).expect("text without control characters has a form");
        lines.push([key.as_bytes(), b"=", &form].concat());
        truth.insert(key, value);
    }
    (lines, truth)
}

fn is_assignment(line: &[u8]) -> bool {
    line.starts_with(b"KEY_")
}

/// Breaks a line, or puts a line before it.
fn break_line(noise: &mut Noise, lines: &mut Vec<Vec<u8>>, at: usize) {
    let line = lines[at].clone();
    if !is_assignment(&line) {
        return;
    }
    let equals = line.iter().position(|b| *b == b'=').expect("an assignment");
    let (key, form) = (&line[..equals], &line[equals + 1..]);
    match noise.below(7) {
        0 => lines[at] = [b"export ", line.as_slice()].concat(),
        1 => lines[at] = [key, b" = ", form].concat(),
        2 => lines[at] = [b"  ", line.as_slice()].concat(),
        3 => lines.insert(at, b"# a comment that goes on \\".to_vec()),
        4 => lines.insert(at, b"; a comment".to_vec()),
        5 => lines.insert(at, [b"# ", vec![b'x'; 3000].as_slice()].concat()),
        _ => lines[at].extend_from_slice(b"   "),
    }
}

/// The lines as a file, with what concerns the whole of it.
fn file(noise: &mut Noise, lines: &[Vec<u8>]) -> Vec<u8> {
    let end: &[u8] = if noise.below(4) == 0 { b"\r\n" } else { b"\n" };
    let mut bytes = lines.join(end);
    if noise.below(4) != 0 {
        bytes.extend_from_slice(end);
    }
    if noise.below(4) == 0 {
        bytes.splice(0..0, *b"\xEF\xBB\xBF");
    }
    bytes
}

fn vars(bytes: &[u8], rules: Rules) -> Truth {
    let reading = read(bytes, rules);
    assert!(reading.loads.is_ok());
    reading.vars.into_iter().map(|v| (v.key, v.value.into_exposed())).collect()
}

#[test]
fn what_needs_no_question_is_repaired_to_the_truth() {
    let mut noise = Noise::new(29);
    let mut repaired = 0;
    for number in 0..FILES {
        let (mut lines, truth) = good(&mut noise);
        for _ in 0..noise.below(5) {
            let at = noise.below(lines.len());
            break_line(&mut noise, &mut lines, at);
        }
        let bytes = file(&mut noise, &lines);
        let judgement = judge(&bytes, &Context::default());
        repaired += u64::from(judgement.repaired.is_some());
        let after = judgement.repaired.map_or(bytes.clone(), |text| text.into_exposed());
        for rules in Rules::ALL {
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(vars(&after, rules), truth, "file {number} by {rules:?}:\n{text}");
        }
        assert!(judge(&after, &Context::default()).repaired.is_none(), "file {number}");
    }
    assert!(repaired > FILES / 2, "only {repaired} files were broken");
}

#[test]
fn what_systemd_refuses_is_never_edited_by_itself() {
    let mut noise = Noise::new(31);
    for number in 0..FILES {
        let (lines, _) = good(&mut noise);
        let mut bytes = file(&mut noise, &lines);
        let equals = bytes.iter().rposition(|b| *b == b'=').expect("an assignment") + 1;
        match noise.below(3) {
            0 => bytes.extend_from_slice(&[0; 512]),
            1 => bytes.splice(equals..equals, *b"\xF6").for_each(drop),
            _ => {
                let units = String::from_utf8_lossy(&bytes).into_owned();
                bytes = [
                    b"\xFF\xFE".to_vec(),
                    units.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                ]
                .concat();
            }
        }
        let judgement = judge(&bytes, &Context::default());
        assert!(judgement.repaired.is_none(), "file {number}");
        assert!(!judgement.defects.is_empty(), "file {number} is said to be well");
    }
}

/// Lines and files as no hand writes them.
#[test]
fn long_lines_and_many_are_judged_and_kept() {
    let long = vec![b'x'; 1 << 20];
    let many = b"# x\n\n".repeat(100_000);
    let continued = b"A=1\\\n".repeat(50_000);
    let open = [b"A='".as_slice(), &b"B=1\n".repeat(50_000)].concat();
    let doubled = b"A=1\nA=2\n".repeat(20_000);
    for bytes in [
        [b"A=", long.as_slice(), b"\n"].concat(),
        [b"# ", long.as_slice(), b"\nA=1\n"].concat(),
        [long.as_slice(), b"=1\nA=1\n"].concat(),
        [many.as_slice(), b"A=1\n"].concat(),
        continued,
        open,
        doubled,
    ] {
        let before: Vec<Truth> = Rules::ALL.iter().map(|r| vars(&bytes, *r)).collect();
        let judgement = judge(&bytes, &Context::default());
        let after = judgement.repaired.map_or(bytes.clone(), |text| text.into_exposed());
        for (rules, before) in Rules::ALL.iter().zip(&before) {
            let after = vars(&after, *rules);
            assert!(before.iter().all(|(key, value)| after.get(key) == Some(value)));
        }
    }
}
