//! No secret of a broken file is in what check, fix, diff, readers and read print, whatever the form.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test program: it writes its files and stops at the first surprise"
)]

#[path = "support/noise.rs"]
#[expect(dead_code, reason = "whole files of noise are for other tests")]
mod noise;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use noise::Noise;

const FILES: usize = 400;

const DJANGO: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
const SMALL: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";

/// Lines with a secret S where a value or a remark belongs.
const BEHIND: &[&str] = &[
    "DB_PASSWORD=S",
    "export DB_PASSWORD=S",
    "export DB_PASSWORD='S'",
    "DB_PASSWORD = S",
    "DB_PASSWORD='S",
    "DB_PASSWORD=\"S",
    "DB_PASSWORD=S\\",
    "DB_PASSWORD=S\"",
    "DB_PASSWORD: S",
    "DB_PASSWORD: S=1",
    "- DB_PASSWORD=S",
    "* DB_PASSWORD=S",
    "DB_PASSWORD S",
    "DB_PASSWORD S=1",
    "password \"S\"=\"x\"",
    "PGPASSWORD=S psql=1",
    "if [ S = 1 ]; then",
    "echo S",
    "set -- S=1",
    "export S A=1",
    "[S",
    "[S]",
    "[\"S\"]",
    "{\"password\": \"S\", \"a\": \"=\"}",
    "# PASSWORD: S\\",
    "# PASSWORD=S\\",
    "# the password is S\\",
    "# S\\",
    "; DB_PASSWORD: S",
    "; DB_PASSWORD=S",
    "; it was S",
    "; S",
    "<<<<<<< S",
    ">>>>>>> S",
    "=======S",
    "postgres://m:S@db-1/m?sslmode=require",
    "DATABASE_URL=postgres://m:S@db-1/m",
    "DATABASE_URL=postgres://m:S/x@db-1:54x2/m",
    "DATABASE_URL=\npostgres://m:S@db-1/m?sslmode=require",
    "A='x\nS=1\nB='",
    "A=\"x\nS\nB=2",
    "A=x\\\nS=\"1\nB=2",
    "A='it's\nS\n'",
    "A=1\rS",
    "A=1\r# S",
    "# a\rB=S",
    "SECRET_KEY==S",
    "SECRET_KEY=changemeS",
    "SECRET_KEY=S # old S",
    "SECRET_KEY=${S}",
    "SECRET_KEY=$(S)",
    "SECRET_KEY=ab<secret>S",
    "SECRET_KEY=SDEBUG=False",
    "SECRET_KEY=SMY_TOKEN=x",
    "SECRET_KEY=abSECRET_KEY=S",
    "Environment=\"SECRET_KEY=S\"",
    "Environment=SECRET_KEY=S",
    "ALLOWED_HOSTS=https://S",
    "DEBUG=S",
    "DEBUG==S",
    "EMAIL=a\u{201d}S",
    "EMAIL=\u{201c}S\u{201d}",
    "EMAIL=S\u{200b}x",
    "\u{feff}; S",
    "\u{feff}S",
];

/// Lines with a secret in front of the equals sign, or alone.
const BEFORE: &[&str] = &[
    "S",
    "S=",
    "S==",
    " S=1",
    "S = 1",
    "export S=1",
    "- S=1",
    "S: 1",
    "S=\"1",
    "S=1\nS=2",
    "\"S\"=1",
    "a.S=1",
    "S.b=1",
    "S\u{a0}=1",
    "# S=1\\",
    "; S=1",
    "\u{feff}S=1",
    "declare -x S=1",
];

fn letters(noise: &mut Noise, alphabet: &[u8], count: usize) -> Vec<u8> {
    (0..count).map(|_| alphabet[noise.below(alphabet.len())]).collect()
}

/// A secret, and whether it can be told from a name.
fn secret(noise: &mut Noise) -> (String, bool) {
    let (text, told) = match noise.below(5) {
        0 => (letters(noise, DJANGO, 50), true),
        1 => (letters(noise, SMALL, 10), false),
        // Tr0ub4dor3, hunterTWO, and what base32 gives.
        2 => {
            let parts = [(CAPITALS, 1), (SMALL, 4), (DIGITS, 1), (SMALL, 4), (DIGITS, 1)];
            (parts.map(|(alphabet, count)| letters(noise, alphabet, count)).concat(), true)
        }
        3 => ([letters(noise, SMALL, 6), letters(noise, CAPITALS, 3)].concat(), true),
        _ => {
            let word = |noise: &mut Noise| {
                [letters(noise, CAPITALS, 3), letters(noise, DIGITS, 2)].concat()
            };
            ((0..4).flat_map(|_| word(noise)).collect(), true)
        }
    };
    (String::from_utf8(text).expect("letters"), told)
}

fn file(noise: &mut Noise) -> (Vec<u8>, Vec<String>) {
    let mut secrets = Vec::new();
    let mut bytes = Vec::new();
    for _ in 0..=noise.below(6) {
        let (secret, told) = secret(noise);
        let name = told && noise.below(3) == 0;
        let places = if name { BEFORE } else { BEHIND };
        // The S of the keys comes back.
        let line = restore(&noise.pick::<&str>(places).replace('S', "\u{1}"));
        if !told && ["\u{1}=", "\u{1} ="].iter().any(|name| line.contains(name)) {
            continue;
        }
        let line = line.replace('\u{1}', &secret);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(
            noise.pick::<&str>(&["\n", "\n", "\n", "\r\n", "\r", " \n"]).as_bytes(),
        );
        secrets.push(secret);
    }
    (bytes, secrets)
}

/// Words of the lines above that have an S of their own.
fn restore(line: &str) -> String {
    ["PASSWORD", "SECRET", "HOSTS", "FALSE"]
        .iter()
        .fold(line.to_owned(), |line, word| line.replace(&word.replace('S', "\u{1}"), word))
}

fn call(root: &Path, args: &[&str]) -> String {
    let all = ["meats-env"].iter().chain(args).map(OsString::from);
    let root = [OsString::from("--root"), root.into()];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    meats::flow::env::main(all.chain(root), &mut out, &mut err);
    String::from_utf8_lossy(&[out, err].concat()).into_owned()
}

#[test]
fn no_secret_of_a_broken_file_is_printed() {
    let host = tempfile::tempdir().expect("a directory");
    for directory in ["etc/projectmeats", "var/lib", "run"] {
        fs::create_dir_all(host.path().join(directory)).expect("a directory");
    }
    let path = host.path().join("etc/projectmeats/projectmeats.env");
    let mut noise = Noise::new(53);
    let mut found = 0;
    for number in 0..FILES {
        let (bytes, secrets) = file(&mut noise);
        fs::write(&path, &bytes).expect("a file");
        for args in [
            &["check"][..],
            &["check", "--json"],
            &["check", "--format", "short"],
            &["check", "--format", "github"],
            &["check", "--format", "sarif"],
            &["fix", "--dry-run"],
            &["fix"],
            &["diff"],
            &["readers"],
            &["readers", "--json"],
            &["read", "--as", "docker"],
            &["read", "--as", "systemd"],
        ] {
            let shown = call(host.path(), args);
            found += shown.len();
            for part in secrets.iter().flat_map(|secret| secret.as_bytes().windows(6)) {
                let leaks = memchr::memmem::find(shown.as_bytes(), part).is_some();
                let part = String::from_utf8_lossy(part);
                let text = String::from_utf8_lossy(&bytes);
                assert!(!leaks, "file {number}, {args:?}: {part} of\n{text}\nis in\n{shown}");
            }
        }
    }
    assert!(found > FILES * 1_000, "{found} bytes were printed");
}
