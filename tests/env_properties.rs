//! What has to hold for every file: the gate, the fixpoint, bytes outside a repair, `set` and the
//! seven readers, and the policy for `SECRET_KEY==…` on generated keys.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test program stops at the first surprise"
)]

#[path = "support/noise.rs"]
mod noise;

use std::collections::{BTreeMap, BTreeSet};

use meats::env::readers::{Outcome, Reader, Value, differing, encode_for, read_as};
use meats::env::{
    Application, Context, DoubleEquals, Evidence, Match, Rules, Use, Why, check, encode,
    is_encodable, judge, plan_repair, read, set, unset,
};
use meats::model::Repair;
use meats::sys::random;
use noise::{Noise, env_file};

const FILES: u64 = 3_000;

type Vars = BTreeMap<String, Vec<u8>>;

fn vars(bytes: &[u8], rules: Rules) -> Option<Vars> {
    let reading = read(bytes, rules);
    reading.loads.ok()?;
    Some(reading.vars.into_iter().map(|v| (v.key, v.value.into_exposed())).collect())
}

/// Keys that systemd loses in a file: behind `export` or a mark, or below a comment's backslash.
fn lost_keys(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes).replace('\u{feff}', "");
    let names = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    names.filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_repair_loses_a_key_or_changes_a_value() {
    let mut repaired = 0;
    for seed in 0..FILES {
        let bytes = env_file(seed);
        let Some(after) = plan_repair(&bytes, &Context::default()).bytes else { continue };
        repaired += 1;
        for rules in Rules::ALL {
            let old = vars(&bytes, rules).expect("a refused file is not edited");
            let new = vars(after.expose(), rules).expect("an edit never makes a file unreadable");
            for (key, value) in &old {
                assert_eq!(new.get(key), Some(value), "seed {seed}: {key}");
            }
            let gained: Vec<&String> = new.keys().filter(|k| !old.contains_key(*k)).collect();
            let known = lost_keys(&bytes);
            assert!(gained.iter().all(|k| known.contains(*k)), "seed {seed}: {gained:?}");
        }
    }
    assert!(repaired > FILES / 4, "only {repaired} files were repaired");
}

#[test]
fn a_second_run_changes_nothing_and_nothing_automatic_is_left() {
    for seed in 0..FILES {
        let bytes = env_file(seed);
        let Some(after) = plan_repair(&bytes, &Context::default()).bytes else { continue };
        let again = judge(after.expose(), &Context::default());
        assert_eq!(again.repaired, None, "seed {seed}");
        let left = again.defects.iter().find(|d| d.finding.repair == Repair::Automatic);
        assert_eq!(left.map(|d| d.finding.kind.name), None, "seed {seed}");
    }
}

#[test]
fn a_repair_changes_only_the_bytes_of_its_spans() {
    for seed in 0..FILES {
        let bytes = env_file(seed);
        let judgement = judge(&bytes, &Context::default());
        let Some(after) = judgement.repaired else { continue };
        // What no edit touches is still there, in order.
        let mut touched = vec![false; bytes.len() + 1];
        for defect in judgement.applied.iter().chain(&judgement.defects) {
            for edit in &defect.edits {
                touched[edit.span.start..edit.span.end.min(bytes.len())].fill(true);
            }
        }
        if judgement.applied.len()
            > judgement.defects.iter().filter(|d| !d.edits.is_empty()).count()
        {
            continue; // A later round has spans of its own text.
        }
        let mut rest = after.expose();
        for run in bytes.iter().zip(&touched).collect::<Vec<_>>().split(|(_, t)| **t) {
            let kept: Vec<u8> = run.iter().map(|(b, _)| **b).collect();
            if kept.is_empty() {
                continue;
            }
            let at = rest.windows(kept.len()).position(|window| window == kept);
            let at = at.unwrap_or_else(|| panic!("seed {seed}: {kept:?} is gone"));
            rest = &rest[at + kept.len()..];
        }
    }
}

#[test]
fn judging_is_total_over_any_bytes() {
    let mut noise = Noise::new(7);
    for _ in 0..FILES {
        let length = noise.below(60);
        let bytes: Vec<u8> = (0..length).map(|_| noise.next().to_le_bytes()[3]).collect();
        judge(&bytes, &Context::default());
        for reader in Reader::ALL {
            read_as(&bytes, reader);
        }
    }
}

fn hostile_value(noise: &mut Noise) -> Vec<u8> {
    const PIECES: &[&str] = &[
        "a",
        "Z9",
        "pass",
        " ",
        "'",
        "\"",
        "\\",
        "$",
        "${X}",
        "$(x)",
        "`",
        "#",
        " #",
        "=",
        "&",
        ";",
        "\n",
        "\t",
        "\r",
        "é",
        "🥩",
        "C:\\x",
        "!",
        "~",
        "%",
        "{\"a\": 1}",
        "\\n",
        "'\\''",
        "\0",
    ];
    let mut value = Vec::new();
    for _ in 0..noise.below(8) {
        value.extend_from_slice(noise.pick::<&str>(PIECES).as_bytes());
    }
    if noise.below(40) == 0 {
        value.push(0xFF);
    }
    value
}

#[test]
fn ten_thousand_values_are_read_back_by_all_seven_or_refused_with_the_reason() {
    let mut noise = Noise::new(11);
    let mut by_all = 0;
    for number in 0..10_000 {
        let value = hostile_value(&mut noise);
        let before = b"# a file\nA=1\nNEW=old\nB='x y'\n";
        if !is_encodable(&value) {
            assert!(set(before, "NEW", &value).is_err(), "{number}");
            assert_eq!(encode(&value), None);
            continue;
        }
        let after = set(before, "NEW", &value).expect("every other value has a form");
        let wrong = differing(&value);
        for reader in Reader::ALL {
            let view = read_as(after.expose(), reader);
            let back = matches!(view.get(b"NEW"), Some(Value::Text(v)) if v.expose() == value);
            let whole = view.outcome == Outcome::Whole;
            assert_eq!(back && whole, !wrong.contains(&reader), "{number} {reader}");
        }
        assert!(!wrong.contains(&Reader::Systemd(Rules::Since254)));
        assert!(!wrong.contains(&Reader::Sh), "{number}: {value:?}");
        by_all += usize::from(wrong.is_empty());
        for rules in Rules::ALL {
            let vars = vars(after.expose(), rules).unwrap();
            assert_eq!(vars.len(), 3);
            assert_eq!(vars["B"], b"x y");
        }
    }
    assert!(by_all > 100, "only {by_all} values suit every reader");
}

#[test]
fn an_export_for_a_reader_is_read_back_or_refused() {
    let mut noise = Noise::new(13);
    for _ in 0..10_000 {
        let value = hostile_value(&mut noise);
        for reader in Reader::ALL {
            let Some(form) = encode_for(&value, reader) else { continue };
            let file = [b"K=", form.as_slice(), b"\nL=1\n"].concat();
            let view = read_as(&file, reader);
            assert!(matches!(view.get(b"K"), Some(Value::Text(v)) if v.expose() == value));
        }
    }
}

#[test]
fn setting_and_unsetting_in_any_file_touches_no_other_key() {
    let mut noise = Noise::new(17);
    for seed in 0..FILES {
        let bytes = env_file(seed);
        let value = hostile_value(&mut noise);
        let key = *noise.pick(&["A", "NEW", "SECRET_KEY"]);
        for (after, wanted) in
            [(set(&bytes, key, &value), Some(&value)), (unset(&bytes, key), None)]
        {
            let Ok(after) = after else { continue };
            for rules in Rules::ALL {
                let mut old = vars(&bytes, rules).unwrap();
                let new = vars(after.expose(), rules).unwrap();
                match wanted {
                    Some(value) => old.insert(key.to_owned(), value.clone()),
                    None => old.remove(key),
                };
                assert_eq!(new, old, "seed {seed} {key}");
            }
        }
    }
}

/// Django's `get_random_secret_key`.
fn django_key(noise: &mut Noise, length: usize) -> Vec<u8> {
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
    (0..length).map(|_| *noise.pick(letters)).collect()
}

fn with_evidence(evidence: Evidence, double_equals: DoubleEquals) -> Context {
    Context { evidence, double_equals, ..Context::default() }
}

/// The key after an automatic repair, as every systemd reads it.
fn after(file: &[u8], ctx: &Context) -> Vec<u8> {
    let bytes = plan_repair(file, ctx).bytes.map_or(file.to_vec(), |b| b.into_exposed());
    let both: Vec<Vec<u8>> = Rules::ALL
        .iter()
        .map(|rules| vars(&bytes, *rules).unwrap()["SECRET_KEY"].clone())
        .collect();
    assert_eq!(both[0], both[1]);
    both[0].clone()
}

/// Every key here is a real one; none may change, whatever is known.
#[test]
fn ten_thousand_real_keys_that_begin_with_equals_are_kept() {
    let mut noise = Noise::new(19);
    for _ in 0..10_000 {
        let key = [b"=".as_slice(), &django_key(&mut noise, 49)].concat();
        for quote in ["", "'"] {
            let file = [b"SECRET_KEY=", quote.as_bytes(), &key, quote.as_bytes(), b"\n"].concat();
            for used in [Use::Unknown, Use::NotSeen, Use::Seen] {
                let ctx =
                    with_evidence(Evidence { used, ..Evidence::default() }, DoubleEquals::Auto);
                assert_eq!(after(&file, &ctx), key);
            }
        }
    }
}

/// A surplus `=` before a generated key: gone where nothing shows that it was used, else kept.
#[test]
fn ten_thousand_doubled_equals_are_judged_by_the_evidence() {
    let mut noise = Noise::new(23);
    for _ in 0..10_000 {
        let key = django_key(&mut noise, 50);
        let typed = [b"=".as_slice(), &key].concat();
        let file = [b"SECRET_KEY=", typed.as_slice(), b"\nDEBUG=False\n"].concat();
        let auto = |evidence| after(&file, &with_evidence(evidence, DoubleEquals::Auto));
        let none = Evidence::default();
        assert_eq!(auto(none), typed);
        assert_eq!(auto(Evidence { used: Use::Seen, ..none }), typed);
        assert_eq!(auto(Evidence { used: Use::NotSeen, ..none }), key);
        for found in [Match::AsWritten, Match::Stripped] {
            let in_use = if found == Match::Stripped { &key } else { &typed };
            for used in [Use::NotSeen, Use::Seen] {
                let running = Evidence { running: Some(found), used, ..none };
                let stored = Evidence { last_good: Some(found), used, ..none };
                assert_eq!(&auto(running), in_use);
                assert_eq!(&auto(stored), in_use);
            }
        }
        let kept = with_evidence(Evidence { used: Use::NotSeen, ..none }, DoubleEquals::Keep);
        assert_eq!(after(&file, &kept), typed);
        assert_eq!(after(&file, &with_evidence(none, DoubleEquals::Strip)), key);
    }
}

/// Keys of other makers: token_urlsafe, hex, base64 with a `=` in front, pass phrases.
#[test]
fn ten_thousand_other_keys_are_never_stripped_on_a_guess() {
    let mut noise = Noise::new(29);
    let letters = b"ABCDEFabcdef0123456789_-+/=";
    for number in 0..10_000 {
        let length = [16, 32, 40, 43, 44, 49, 52, 64, 86][number % 9];
        let mut key: Vec<u8> = (0..length).map(|_| *noise.pick(letters)).collect();
        key[0] = b'=';
        let file = [b"SECRET_KEY=", key.as_slice(), b"\n"].concat();
        for used in [Use::Unknown, Use::NotSeen, Use::Seen] {
            let ctx = with_evidence(Evidence { used, ..Evidence::default() }, DoubleEquals::Auto);
            assert_eq!(after(&file, &ctx), key, "length {length}");
        }
    }
}

#[test]
fn dropped_lines_have_lines_that_exist() {
    for seed in 0..FILES {
        let bytes = env_file(seed);
        let lines = bytes.split(|b| *b == b'\n').count();
        for rules in Rules::ALL {
            let reading = read(&bytes, rules);
            let all =
                reading.dropped.iter().map(|d| d.line).chain(reading.vars.iter().map(|v| v.line));
            assert!(all.clone().all(|l| l >= 1 && l <= lines), "seed {seed}");
            let tails = reading.dropped.iter().any(|d| d.why == Why::CommentTail);
            assert!(!(tails && rules == Rules::Since254), "seed {seed}");
        }
    }
}

/// What we generate never looks like something that is wrong.
#[test]
fn ten_thousand_generated_secrets_raise_no_finding() {
    let context =
        Context { application: Some(Application { complete: true }), ..Context::default() };
    for _ in 0..10_000 {
        let secret = String::from_utf8(random::secret(64).unwrap()).unwrap();
        let file = format!(
            "SECRET_KEY={secret}\nDB_PASSWORD={secret}\nALLOWED_HOSTS=localhost\n\
             DATABASE_URL=postgres://meats:{secret}@localhost:5432/meats\n"
        );
        let found = check(file.as_bytes(), &context);
        let kinds: Vec<&str> = found.iter().map(|finding| finding.kind.name).collect();
        assert!(kinds.is_empty(), "{kinds:?} for a generated secret");
    }
}
