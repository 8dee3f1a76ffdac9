//! Findings about lines of files, the way compilers and pipelines expect them.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::{escape, shell_words};
use crate::model::{Finding, Kind, Repair, Severity, finding};

/// One file that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// As the user named it.
    pub name: String,
    /// The path that is in findings about its text.
    pub path: Option<PathBuf>,
    /// It is the env file of the service, which commands mean when they name no file.
    pub is_default: bool,
    pub findings: Vec<Shown>,
    /// Number of keys that systemd reads.
    pub keys: usize,
    /// Why it could not be looked at.
    pub failure: Option<String>,
    /// What else is to be said of it.
    pub note: Option<String>,
}

/// One finding with the line it is about.
#[derive(Clone, Debug)]
pub struct Shown {
    pub finding: Finding,
    /// The line with its values masked.
    pub line: Option<String>,
    /// Where the mark stands in that text, from 0, and how wide it is.
    pub mark: (usize, usize),
    /// A, W, P or R of the catalogue.
    pub class: char,
}

const WIDTH: usize = 80;

impl Checked {
    /// 0 clean, 1 findings, 3 refused, 4 could not look.
    pub fn exit_status(&self) -> u8 {
        if self.failure.is_some() {
            4
        } else if self.findings.iter().any(|s| s.finding.repair == Repair::Refused) {
            3
        } else {
            u8::from(!self.findings.is_empty())
        }
    }

    /// The file that a finding is about, which need not be the one that was looked at.
    fn place(&self, finding: &Finding) -> String {
        match &finding.subject.path {
            Some(path) if !path.as_os_str().is_empty() && Some(path) != self.path.as_ref() => {
                path.display().to_string()
            }
            _ => self.name.clone(),
        }
    }

    /// The remedy of a finding, its commands with the file and the key that it is about.
    fn remedy(&self, finding: &Finding) -> String {
        let place = self.place(finding);
        let file = match place.as_str() {
            // What is on standard input is a file somewhere.
            "-" => Some("FILE"),
            _ if self.is_default && place == self.name => None,
            place => Some(place),
        };
        remedy(finding.kind, file, finding.subject.key.as_deref())
    }
}

/// The remedy of a kind. A command of ours gets the file, where it is not the one meant anyway.
fn remedy(kind: &Kind, file: Option<&str>, key: Option<&str>) -> String {
    let mut lines = Vec::new();
    for line in kind.remedy.lines() {
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        if !line.starts_with(COMMAND) || words.first() != Some(&"meats-env") {
            lines.push(line.to_owned());
            continue;
        }
        if let (Some(key), Some(last)) = (key, words.last_mut()) {
            if stands_for(kind, last, key) {
                *last = key;
            }
        }
        words.extend(file);
        lines.push(format!("{COMMAND}{}", shell_words(&words)));
    }
    lines.join("\n")
}

/// True where the word in a remedy is only the usual key, and a finding may be about another one.
fn stands_for(kind: &Kind, word: &str, key: &str) -> bool {
    match word {
        "KEY" => true,
        "DEBUG" | "ALLOWED_HOSTS" | "DATABASE_URL" => *kind != finding::PUBLISHED,
        "SECRET_KEY" => key.ends_with("SECRET_KEY"),
        _ => false,
    }
}

/// What stands before a command in a remedy.
const COMMAND: &str = "    ";

/// The status of several files: refused before not seen before findings.
pub fn lint_exit_status(files: &[Checked]) -> u8 {
    let order = |status: &u8| [0, 1, 4, 3].iter().position(|s| s == status);
    files.iter().map(Checked::exit_status).max_by_key(order).unwrap_or(0)
}

/// `FILE:LINE:COLUMN: severity ID name: text`, on one line.
pub fn render_lint_short(files: &[Checked]) -> String {
    let mut out = String::new();
    for file in files {
        for shown in &file.findings {
            writeln!(out, "{}", headline(file, &shown.finding)).ok();
        }
        if let Some(note) = &file.note {
            writeln!(out, "{}: {}", escape(&file.name), escape(note)).ok();
        }
        if let Some(why) = &file.failure {
            writeln!(out, "{}: not checked: {}", escape(&file.name), escape(why)).ok();
        }
    }
    out
}

fn headline(file: &Checked, finding: &Finding) -> String {
    let mut place = escape(&file.place(finding));
    for number in [finding.subject.line, finding.subject.column].into_iter().flatten() {
        write!(place, ":{number}").ok();
    }
    let kind = finding.kind;
    let text = escape(&finding.detail);
    format!("{place}: {} {} {}: {text}", kind.severity.word(), kind.id, kind.name)
}

/// With the line, a mark, the reason and what to do; ends in a summary and the next command. The
/// reason and the remedy of a kind are said once, where it is found first.
pub fn render_lint_text(files: &[Checked], color: bool) -> String {
    let mut out = String::new();
    let mut told = HashSet::new();
    for file in files {
        for shown in &file.findings {
            let kind = shown.finding.kind;
            let mut head = String::new();
            fold(&mut head, &headline(file, &shown.finding));
            out.push_str(&paint_severity(&head, kind.severity, color));
            snippet(&mut out, shown, color);
            if told.insert(kind.id) {
                explain(&mut out, kind.why, &file.remedy(&shown.finding));
            }
        }
        match (&file.failure, &file.note) {
            (Some(why), _) => {
                fold(&mut out, &format!("{}: not checked: {}", escape(&file.name), escape(why)));
            }
            (None, Some(note)) => {
                fold(&mut out, &format!("{}: {}", escape(&file.name), escape(note)));
            }
            (None, None) if file.findings.is_empty() => {
                let s = if file.keys == 1 { "" } else { "s" };
                writeln!(out, "{}: {} key{s}, no findings", escape(&file.name), file.keys).ok();
            }
            (None, None) => {}
        }
    }
    summary(&mut out, files);
    out
}

/// The word of the severity in its colour.
fn paint_severity(head: &str, severity: Severity, color: bool) -> String {
    let code = match severity {
        Severity::Error => "31",
        Severity::Warning => "33",
        Severity::Note => "36",
    };
    let word = severity.word();
    match head.split_once(&format!(": {word}")) {
        Some((place, text)) if color => format!("{place}: \x1b[1;{code}m{word}\x1b[0m{text}"),
        _ => head.to_owned(),
    }
}

/// The reason, and the remedy with its commands on lines of their own.
fn explain(out: &mut String, why: &str, remedy: &str) {
    const INDENT: &str = "        ";
    for (lead, text) in std::iter::once(("why: ", why)).chain(
        remedy.lines().enumerate().map(|(at, line)| (if at == 0 { "do: " } else { "" }, line)),
    ) {
        if text.starts_with(COMMAND) {
            writeln!(out, "{INDENT}{text}").ok();
            continue;
        }
        let mut folded = String::new();
        fold_within(&mut folded, &format!("{lead}{text}"), WIDTH - INDENT.len());
        for (at, line) in folded.lines().enumerate() {
            let before = if at == 0 && !lead.is_empty() { "      = " } else { INDENT };
            writeln!(out, "{before}{line}").ok();
        }
    }
}

fn fold(out: &mut String, text: &str) {
    fold_within(out, text, WIDTH);
}

fn fold_within(out: &mut String, text: &str, most: usize) {
    let mut width = 0;
    for word in text.split(' ') {
        let more = word.chars().count();
        if width > 0 && width + 1 + more > most {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += more;
    }
    out.push('\n');
}

fn snippet(out: &mut String, shown: &Shown, color: bool) {
    let hint = match shown.finding.repair {
        Repair::Automatic => "repaired by meats-env fix",
        Repair::Asks => "your decision (meats-env fix --interactive)",
        Repair::ByHand => "for you to change",
        Repair::Refused => "nothing in this file is edited before this is mended",
    };
    let (Some(line), Some(number)) = (&shown.line, shown.finding.subject.line) else {
        writeln!(out, "      = {hint}").ok();
        return;
    };
    let line: String = line.chars().take(WIDTH - 8).collect();
    let (at, width) = shown.mark;
    let at = at.min(line.chars().count());
    let width = width.clamp(1, 8).min(WIDTH - 8 - at.min(WIDTH - 9));
    writeln!(out, "{number:>5} | {}", escape(&line)).ok();
    let mark = "^".repeat(width);
    let mark = if color { format!("\x1b[1;32m{mark}\x1b[0m") } else { mark };
    writeln!(out, "      | {}{mark} {hint}", " ".repeat(at)).ok();
}

fn summary(out: &mut String, files: &[Checked]) {
    let all: Vec<&Shown> = files.iter().flat_map(|f| &f.findings).collect();
    if all.is_empty() {
        return;
    }
    let count = |class: char| all.iter().filter(|s| s.class == class).count();
    let (a, p, w, r) = (count('A'), count('P'), count('W'), count('R'));
    let keys: usize = files.iter().map(|f| f.keys).sum();
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let mut parts = Vec::new();
    let mut part = |n: usize, text: &str| {
        if n > 0 {
            parts.push(format!("{n} {text}"));
        }
    };
    part(a, "repairable");
    part(p, if p == 1 { "needs you" } else { "need you" });
    part(w, "for you to change");
    part(r, "refused");
    writeln!(
        out,
        "\n{} finding{} in {} file{}: {}. {keys} key{} read.",
        all.len(),
        s(all.len()),
        files.len(),
        s(files.len()),
        parts.join(", "),
        s(keys)
    )
    .ok();
    let with = |class: char| {
        let has = |f: &Checked, class| f.findings.iter().any(|s| s.class == class);
        // Nothing is written to standard input, and nothing is edited in what is refused.
        let of = |f: &&Checked| has(f, class) && f.name != "-" && (class == 'P' || !has(f, 'R'));
        files.iter().filter(of).map(|f| f.name.as_str()).take(5).collect::<Vec<_>>()
    };
    let (repairable, open) = (with('A'), with('P'));
    let next =
        [(vec!["meats-env", "fix"], repairable), (vec!["meats-env", "fix", "--interactive"], open)];
    for (verb, files) in next.into_iter().filter(|(_, files)| !files.is_empty()) {
        writeln!(out, "    {}", shell_words(&[verb, files].concat())).ok();
    }
}

/// One document; `complete` is the last key.
pub fn render_lint_json(files: &[Checked]) -> String {
    let files_json: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({
                "file": file.name,
                "status": file.exit_status(),
                "keys": file.keys,
                "not_checked": file.failure,
                "note": file.note,
                "findings": file.findings.iter().map(|s| finding_json(file, s)).collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = Document {
        schema: "projectmeats.env-check/1.0",
        tool: json!({ "name": "meats-env", "version": env!("CARGO_PKG_VERSION") }),
        files: files_json,
        exit_status: lint_exit_status(files),
        complete: true,
    };
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The keys in the order in which they are written.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    tool: Value,
    files: Vec<Value>,
    exit_status: u8,
    complete: bool,
}

fn finding_json(file: &Checked, shown: &Shown) -> Value {
    let finding = &shown.finding;
    json!({
        "id": finding.kind.id,
        "code": finding.kind.name,
        "class": shown.class.to_string(),
        "repair": finding.repair.word(),
        "severity": finding.kind.severity.word(),
        "file": file.place(finding),
        "line": finding.subject.line,
        "column": finding.subject.column,
        "key": finding.subject.key,
        "message": finding.detail,
        "why": finding.kind.why,
        "remedy": file.remedy(finding),
    })
}

/// Workflow commands: an annotation at the line.
pub fn render_lint_github(files: &[Checked]) -> String {
    let mut out = String::new();
    let data = |t: &str| t.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |t: &str| data(t).replace(':', "%3A").replace(',', "%2C");
    for file in files {
        for shown in &file.findings {
            let finding = &shown.finding;
            let level = match finding.kind.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "notice",
            };
            let mut place = format!("file={}", property(&file.place(finding)));
            for (name, number) in [("line", finding.subject.line), ("col", finding.subject.column)]
            {
                if let Some(number) = number {
                    write!(place, ",{name}={number}").ok();
                }
            }
            let title = format!("{} {}", finding.kind.id, finding.kind.name);
            let text =
                format!("{}. {}\n{}", finding.detail, finding.kind.why, file.remedy(finding));
            writeln!(out, "::{level} {place},title={}::{}", property(&title), data(&text)).ok();
        }
        if let Some(why) = &file.failure {
            let text = format!("not checked: {why}");
            writeln!(out, "::error file={}::{}", property(&file.name), data(&text)).ok();
        }
        if let Some(note) = &file.note {
            writeln!(out, "::notice file={}::{}", property(&file.name), data(note)).ok();
        }
    }
    out
}

/// SARIF 2.1.0.
pub fn render_lint_sarif(files: &[Checked]) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut rules: Vec<Value> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    for file in files {
        for shown in &file.findings {
            let kind = shown.finding.kind;
            if !seen.contains(&kind.id) {
                seen.push(kind.id);
                rules.push(json!({
                    "id": kind.id,
                    "name": kind.name,
                    "shortDescription": { "text": kind.summary },
                    "fullDescription": { "text": kind.why },
                    "help": { "text": remedy(kind, Some("FILE"), None) },
                    "defaultConfiguration": { "level": level(kind.severity) },
                }));
            }
            let place = uri(&file.place(&shown.finding));
            let mut location = json!({ "artifactLocation": { "uri": place } });
            if let (Some(line), Some(map)) = (shown.finding.subject.line, location.as_object_mut())
            {
                let column = shown.finding.subject.column.unwrap_or(1);
                let region = json!({ "startLine": line, "startColumn": column });
                map.insert("region".to_owned(), region);
            }
            results.push(json!({
                "ruleId": kind.id,
                "level": level(kind.severity),
                "message": { "text": shown.finding.detail },
                "locations": [{ "physicalLocation": location }],
            }));
        }
    }
    let failures: Vec<Value> = files
        .iter()
        .filter_map(|file| {
            let why = file.failure.as_ref()?;
            let text = format!("{}: {why}", file.name);
            Some(json!({ "level": "error", "message": { "text": text } }))
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "meats-env",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
            "invocations": [{
                "executionSuccessful": failures.is_empty(),
                "toolExecutionNotifications": failures,
            }],
        }],
    })
}

/// A change by lines, both sides masked: ` ` kept, `-` before, `+` after. Only changed lines with
/// one line around them.
pub fn render_masked_diff(
    before: &[String],
    after: &[String],
    same: impl Fn(usize, usize) -> bool,
) -> String {
    let mut out = String::new();
    let head = (0..before.len().min(after.len())).take_while(|i| same(*i, *i)).count();
    let tail = (0..before.len().min(after.len()) - head)
        .take_while(|i| same(before.len() - 1 - i, after.len() - 1 - i))
        .count();
    let (mut b, mut a) = (head, head);
    let (b_end, a_end) = (before.len() - tail, after.len() - tail);
    while b < b_end || a < a_end {
        if b < b_end && a < a_end && same(b, a) {
            b += 1;
            a += 1;
            continue;
        }
        // The nearest pair of equal lines ends the change.
        let (nb, na) = resume((b, b_end), (a, a_end), &same);
        writeln!(out, "@@ line {}", b + 1).ok();
        for line in before.iter().take(nb).skip(b) {
            writeln!(out, "- {}", escape(line)).ok();
        }
        for line in after.iter().take(na).skip(a) {
            writeln!(out, "+ {}", escape(line)).ok();
        }
        (b, a) = (nb, na);
    }
    out
}

/// Look-ahead is bounded: a longer change is shown as one block.
const LOOK_AHEAD: usize = 64;

fn resume(
    (b, b_end): (usize, usize),
    (a, a_end): (usize, usize),
    same: impl Fn(usize, usize) -> bool,
) -> (usize, usize) {
    for distance in 1..=LOOK_AHEAD {
        for skip in 0..=distance {
            let (nb, na) = (b + skip, a + distance - skip);
            if nb < b_end && na < a_end && same(nb, na) {
                return (nb, na);
            }
        }
    }
    (b_end, a_end)
}

/// A path as a URI reference (RFC 3986), which SARIF 2.1.0 asks for.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let part = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    path.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Subject;

    #[test]
    fn the_layout() {
        let subject = Subject { column: Some(1), ..Subject::line("x.env", 12) };
        let detail = "systemd drops this line, EMAIL_HOST_PASSWORD is not set";
        let shown = Shown {
            finding: Finding::new(&finding::EXPORT_PREFIX, subject, detail),
            line: Some("export EMAIL_HOST_PASSWORD=********".to_owned()),
            mark: (0, 6),
            class: 'A',
        };
        let file = Checked {
            name: "x.env".to_owned(),
            findings: vec![shown],
            keys: 3,
            ..Checked::default()
        };
        let text = render_lint_text(std::slice::from_ref(&file), false);
        let expected = "\
x.env:12:1: error ENV-004 export-prefix: systemd drops this line,
EMAIL_HOST_PASSWORD is not set
   12 | export EMAIL_HOST_PASSWORD=********
      | ^^^^^^ repaired by meats-env fix
      = why: A shell reads the line; systemd drops it and logs it with its
        value. The program starts without the key, often with an unsafe default,
        and nothing says so.
      = do: Remove the word; the value stays as it is:
            meats-env fix x.env
        The journal has the old line with its value: if it was a secret, change
        it.

1 finding in 1 file: 1 repairable. 3 keys read.
    meats-env fix x.env
";
        assert_eq!(text, expected);
        assert_eq!(lint_exit_status(std::slice::from_ref(&file)), 1);
        let lost = Checked { failure: Some("no".to_owned()), ..Checked::default() };
        assert_eq!(lint_exit_status(&[file, lost]), 4);
    }

    #[test]
    fn a_remedy_names_file_and_key() {
        let cases = [
            (&finding::BOM, None, "fix 'a b'"),
            (&finding::NOT_BOOLEAN, Some("USE_X"), "fix --interactive 'a b'\nset USE_X 'a b'"),
            (&finding::PLACEHOLDER, Some("TOKEN"), "set TOKEN 'a b'"),
            (
                &finding::SECRET_KEY_WEAK,
                Some("MY_SECRET_KEY"),
                "generate --key MY_SECRET_KEY 'a b'",
            ),
            (
                &finding::PUBLISHED,
                Some("SECRET_KEY"),
                "generate --key SECRET_KEY 'a b'\nset DATABASE_URL 'a b'",
            ),
            (&finding::NUL_BYTE, None, "fix --interactive 'a b'\nrestore --list 'a b'"),
        ];
        for (kind, key, expected) in cases {
            let text = remedy(kind, Some("a b"), key);
            let ours = text.lines().filter_map(|line| line.strip_prefix("    meats-env "));
            assert_eq!(ours.collect::<Vec<_>>().join("\n"), expected);
        }
    }

    #[test]
    fn diffs_show_what_changed() {
        let lines = |t: &str| t.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (before, after, expected) in [
            ("a b c", "a b c", ""),
            ("a b c", "a x c", "@@ line 2\n- b\n+ x\n"),
            ("a b", "a b c", "@@ line 3\n+ c\n"),
            ("a b c d", "b x d", "@@ line 1\n- a\n@@ line 3\n- c\n+ x\n"),
        ] {
            let (b, a) = (lines(before), lines(after));
            assert_eq!(render_masked_diff(&b, &a, |i, j| b[i] == a[j]), expected);
        }
    }
}
