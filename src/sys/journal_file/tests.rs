//! Files that journald of systemd 257 wrote, in its three forms (tests/journals): sixty short lines,
//! one that is no UTF-8, one that is compressed, last words, and what PID 1 said of the failure. To
//! make them again on a booted root: `systemd-run --unit=sample sh -c 'seq -f "line %g" 60; printf
//! "bytes \377\376\n"; seq 3000 | tr "\n" " "; echo; echo last words >&2; exit 7'`. journald makes the
//! compact form by itself, the regular one with `SYSTEMD_JOURNAL_COMPACT=0` in its environment, and
//! that with Jenkins' hash with `SYSTEMD_JOURNAL_KEYED_HASH=0`, too.

use std::io::{Read, Write};
use std::time::Duration;

use super::*;

const FORMS: [(&str, &[u8]); 3] = [
    ("compact", include_bytes!("../../../tests/journals/compact.journal.zst")),
    ("regular", include_bytes!("../../../tests/journals/regular.journal.zst")),
    ("jenkins", include_bytes!("../../../tests/journals/jenkins.journal.zst")),
];
const UNIT: [&str; 2] = ["_SYSTEMD_UNIT=sample.service", "UNIT=sample.service"];

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(packed).expect("a frame");
    decoder.read_to_end(&mut bytes).expect("it unpacks");
    bytes
}

/// The last `max` lines of the file with these bytes.
fn read_bytes(bytes: &[u8], values: &[&str], max: usize) -> Result<Found, String> {
    read_wanted(bytes, Wanted { values, of_root: &[], max, this_boot: false, since: 0 })
}

fn read_wanted(bytes: &[u8], wanted: Wanted) -> Result<Found, String> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("it is written");
    let mut found = Found::default();
    let file = match JournalFile::open(file) {
        Ok(file) => file,
        Err(trouble) => {
            note(Path::new("x"), trouble, &mut found.troubles)?;
            return Ok(found);
        }
    };
    let mut files = vec![(PathBuf::from("x"), file)];
    look(&mut files, &wanted, &Deadline::after(Duration::from_secs(60)), &mut found)?;
    Ok(found)
}

#[test]
fn each_form_is_read() {
    let mut expected: Vec<(&str, String)> = (1..=60).map(|n| ("sh", format!("line {n}"))).collect();
    expected.insert(0, ("systemd", "Started sample.service - [systemd-run] /usr/bin/sh -c".into()));
    expected.push(("sh", "bytes \u{fffd}\u{fffd}".into()));
    expected
        .push(("sh", (1..=3000).map(|n| format!("{n} ")).collect::<String>().trim_end().into()));
    expected.push(("sh", "last words".into()));
    let failed = ["Main process exited, code=exited, status=7", "Failed with result 'exit-code'"];
    expected.extend(failed.map(|text| ("systemd", format!("sample.service: {text}"))));
    for (form, packed) in FORMS {
        let bytes = unpacked(packed);
        let found = read_bytes(&bytes, &UNIT, 1000).expect("a known form");
        assert_eq!((found.entries, found.troubles), (66, Vec::<String>::new()), "{form}");
        assert_eq!(found.lines.len(), expected.len(), "{form}");
        for (line, (identifier, message)) in found.lines.iter().zip(&expected) {
            let got = line.message.trim_end().get(..message.len());
            assert_eq!((line.identifier.as_str(), got), (*identifier, Some(message.as_str())));
        }
        let last = read_bytes(&bytes, &UNIT, 7).expect("a known form").lines;
        assert_eq!(last, found.lines[found.lines.len() - 7..], "{form}");
        let none = read_bytes(&bytes, &["UNIT=other.service"], 7).expect("a known form");
        assert!(none.lines.is_empty() && none.troubles.is_empty(), "{form}: {none:?}");
    }
}

#[test]
fn of_a_field_that_anybody_can_send_only_roots_lines_are_taken() {
    for (form, packed) in FORMS {
        let mut bytes = unpacked(packed);
        let of_root = &UNIT[1..];
        let ask = |bytes: &[u8], max| {
            let wanted = Wanted { values: &[], of_root, max, this_boot: false, since: 0 };
            read_wanted(bytes, wanted).expect("a known form")
        };
        let before = ask(&bytes, 1000);
        assert_eq!((before.lines.len(), before.entries), (3, 3), "{form}");
        assert_eq!(ask(&bytes, 1).lines, before.lines[2..], "{form}");
        // The last line becomes a stranger's.
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("it is written");
        let mut file = JournalFile::open(file).expect("a file");
        let data = file.find(UNIT[1].as_bytes()).expect("whole").expect("there");
        let root = file.find(OF_ROOT.as_bytes()).expect("whole").expect("there");
        let last = file.last_entries(&data, 1).expect("whole")[0];
        let fields = file.fields(last).expect("whole");
        let place = fields.iter().position(|at| *at == root.at).expect("it is root's");
        let other = fields[if place == 0 { 1 } else { 0 }];
        let (width, step) = if file.header.compact { (4, 4) } else { (8, 16) };
        let at = usize::try_from(last).expect("it fits") + 64 + place * step;
        bytes[at..at + width].copy_from_slice(&other.to_le_bytes()[..width]);
        let after = ask(&bytes, 1);
        assert_eq!(after.lines, before.lines[1..2], "{form}");
        assert_eq!(ask(&bytes, 1000).entries, 2, "{form}");
    }
}

/// Numbers of a fixed sequence (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("it fits")
    }
}

/// Whatever stands in a file, reading it ends, and no more comes out than was asked for.
#[test]
fn damage_ends_and_is_told() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut whole, mut damaged) = (0, 0);
    for (form, packed) in FORMS {
        let good = unpacked(packed);
        let words: Vec<usize> =
            (0..good.len() / 8).filter(|n| good[n * 8..n * 8 + 8] != [0; 8]).collect();
        for round in 0..200 {
            let mut bytes = good.clone();
            for _ in 0..1 << (round % 7) {
                let word = words[numbers.below(words.len())] * 8;
                let other = words[numbers.below(words.len())] * 8;
                let value = match numbers.below(5) {
                    0 => 0_u64.to_le_bytes(),
                    1 => u64::MAX.to_le_bytes(),
                    2 => (other as u64).to_le_bytes(),
                    3 => good[other..other + 8].try_into().expect("a word"),
                    _ => numbers.next().to_le_bytes(),
                };
                bytes[word..word + 8].copy_from_slice(&value);
            }
            if round % 10 == 9 {
                bytes.truncate(numbers.below(bytes.len()));
            }
            match read_bytes(&bytes, &UNIT, 50) {
                Ok(found) => {
                    assert!(found.lines.len() <= 50, "{form}, round {round}");
                    *if found.troubles.is_empty() { &mut whole } else { &mut damaged } += 1;
                }
                Err(why) => assert!(why.contains("unknown form"), "{form}, round {round}: {why}"),
            }
        }
    }
    assert!(whole > 50 && damaged > 50, "{whole} {damaged}");
}

#[test]
fn lines_of_a_boot_are_in_the_order_of_its_own_clock() {
    let hit = |boot, monotonic, time, number| Hit {
        file: 0,
        entry: number,
        stamp: Stamp { boot: [boot; 16], monotonic, time, number },
    };
    // The clock was set back in the second boot; its last line is older than the first one's.
    let mut hits = [hit(2, 30, 400, 6), hit(1, 10, 450, 1), hit(2, 20, 900, 5), hit(1, 10, 450, 2)];
    in_order(&mut hits);
    assert_eq!(hits.map(|h| h.entry), [1, 2, 5, 6]);
}
