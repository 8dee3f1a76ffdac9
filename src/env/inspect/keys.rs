//! Names: what stands before the equals sign.

use std::ops::Range;

use super::lines::{colon, shell_assignment, shown_name};
use super::meaning;
use super::name::{Name, name_of};
use super::sheet::Sheet;
use super::words::plain_form;
use crate::env::scan::{Form, Node, Raw, is_blank, pieces};
use crate::env::systemd::is_valid_name;
use crate::env::{Defect, Edit, is_strict_utf8};
use crate::model::{Repair, finding};

/// Where an assignment stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its node.
    pub index: usize,
    /// Inside shell code.
    pub in_code: bool,
    /// Behind the mark of a merge conflict.
    pub conflict: bool,
}

pub(super) fn assignment(
    sheet: &Sheet<'_>,
    node: &Node<'_>,
    raw: &Raw<'_>,
    place: Place,
) -> Vec<Defect> {
    if is_plain(sheet, node, raw, place.index) {
        return Vec::new();
    }
    looked_at(sheet, node, raw, place)
}

/// True for nearly every line of a healthy file: nothing can be said about it.
fn is_plain(sheet: &Sheet<'_>, node: &Node<'_>, raw: &Raw<'_>, index: usize) -> bool {
    let name = sheet.text(&raw.key);
    let start = node.text.start;
    (start == 0 || sheet.text(&(start - 1..start)) == b"\n")
        && is_valid_name(name)
        && !is_risky(name)
        && !is_unit_setting(name)
        && sheet.earlier(name, index).is_none()
        && name.len() + 1 + raw.cooked.len() <= EXEC_LIMIT
        && meaning::is_plain(sheet, node, raw)
}

fn looked_at(sheet: &Sheet<'_>, node: &Node<'_>, raw: &Raw<'_>, place: Place) -> Vec<Defect> {
    let Place { index, in_code, conflict } = place;
    let written = sheet.text(&raw.key);
    if !is_strict_utf8(written) || !is_strict_utf8(&raw.cooked) {
        return vec![not_utf8(sheet, raw)];
    }
    let mut found = Vec::new();
    match name_of(written) {
        Name::Plain(name) => {
            found.extend(indented(sheet, node, name).filter(|_| !in_code));
            found.extend(good_name(sheet, index, node, raw, name));
        }
        Name::Prefixed { name, bom, export } => {
            found.extend(mark(raw, bom, Some(name).filter(|_| !export)));
            let held = export && {
                let (defect, held) = export_word(sheet, index, raw, name, bom);
                found.push(defect);
                held
            };
            if !held {
                found.extend(good_name(sheet, index, node, raw, name));
            }
        }
        Name::Other(rest) => {
            found.extend(mark(raw, written.len() - rest.len(), None));
            let comment = rest.starts_with(b"#") || rest.starts_with(b";");
            let divider = conflict && sheet.text(&node.text).starts_with(b"=======");
            if !comment && !divider {
                found.push(bad_name(sheet, node, raw, rest));
            }
        }
    }
    found
}

fn not_utf8(sheet: &Sheet<'_>, raw: &Raw<'_>) -> Defect {
    let name = sheet.text(&raw.key);
    let span = if is_strict_utf8(name) { raw.value.clone() } else { raw.key.clone() };
    let mut defect = Defect::new(&finding::INVALID_UTF8, span, "a key or value is not UTF-8");
    if is_valid_name(name) {
        let key = String::from_utf8_lossy(name);
        defect = defect.key(&key);
        defect.finding.detail = format!("the value of {key} is not UTF-8");
        if let Some(text) = latin1(&raw.cooked).and_then(|text| crate::env::encode(&text)) {
            defect = defect.propose(Edit::replace(raw.value.clone(), text));
        }
    }
    defect
}

/// The reading as Latin-1, if it looks like one: letters of its upper half, nothing cut off.
fn latin1(value: &[u8]) -> Option<Vec<u8>> {
    let error = std::str::from_utf8(value).err()?;
    error.error_len()?;
    let plausible = value.iter().all(|b| b.is_ascii() || *b >= 0xA0);
    plausible.then(|| value.iter().map(|b| char::from(*b)).collect::<String>().into_bytes())
}

fn mark(raw: &Raw<'_>, bom: usize, name: Option<&[u8]>) -> Option<Defect> {
    let start = raw.key.start;
    let defect = Defect::new(&finding::BOM, start..start + bom, "a byte order mark")
        .edit(Edit::delete(start..start + bom));
    let defect = match name {
        None => defect,
        Some(name) => {
            let key = String::from_utf8_lossy(name);
            let mut defect = defect.key(&key).gain(&key);
            defect.finding.detail = format!("a byte order mark; systemd does not set {key}");
            defect
        }
    };
    (bom > 0).then_some(defect)
}

/// The word `export`; true when the line is left alone.
fn export_word(
    sheet: &Sheet<'_>,
    index: usize,
    raw: &Raw<'_>,
    name: &[u8],
    bom: usize,
) -> (Defect, bool) {
    let key = String::from_utf8_lossy(name);
    let from = raw.key.start + bom;
    let word = from..from + b"export".len();
    let line_start = sheet.line(raw.key.start).1;
    let indent = sheet.text(&(line_start..raw.key.start));
    let cut = if indent.iter().all(|b| is_blank(*b)) && bom == 0 { line_start } else { from };
    let edit = Edit::delete(cut..raw.key.end - name.len());
    let winner = sheet.places(name).and_then(|p| p.winner).filter(|w| *w < index);
    let shadowed = winner.is_some_and(|w| !same_value(sheet, w, raw));
    if shadowed {
        let detail = format!("export in front of {key}, which an earlier line sets otherwise");
        let defect = Defect::new(&finding::EXPORT_SHADOW, word, detail).key(&key).propose(edit);
        return (defect, true);
    }
    let detail = format!("systemd drops this line, {key} is not set");
    let defect = Defect::new(&finding::EXPORT_PREFIX, word, detail).key(&key).gain(&key);
    let second = second_assignments(sheet, raw);
    if let Some(sign) = command_end(sheet, raw).filter(|_| second.is_empty()) {
        let mut defect = defect.class(Repair::Asks).propose(edit).propose(Edit::delete(sign));
        defect.finding.detail = format!("export and a semicolon; systemd does not set {key}");
        return (defect, true);
    }
    if second.is_empty() {
        return (defect.edit(edit), false);
    }
    let mut defect = defect.class(Repair::Asks).propose(edit);
    for blank in second {
        defect = defect.propose(Edit::replace(blank, *b"\n"));
    }
    defect.finding.detail = format!("export with several keys, {key} first; none is set");
    (defect, true)
}

fn same_value(sheet: &Sheet<'_>, node: usize, raw: &Raw<'_>) -> bool {
    use crate::env::scan::NodeKind;
    matches!(sheet.nodes.get(node).map(|n| &n.kind),
        Some(NodeKind::Assignment(other)) if other.cooked == raw.cooked)
}

/// A semicolon that ends the command for a shell; whether it is meant, nobody can tell.
fn command_end(sheet: &Sheet<'_>, raw: &Raw<'_>) -> Option<Range<usize>> {
    let last = pieces(sheet.bytes, raw.value.start).pop()?;
    let text = sheet.text(&last.span);
    let text = text.strip_suffix(b"\r").unwrap_or(text).trim_ascii_end();
    let before = text.strip_suffix(b";").filter(|_| last.form == Form::Bare)?;
    let at = last.span.start + before.len();
    (!before.ends_with(b"\\")).then_some(at..at + 1)
}

/// Blanks in front of a further `NAME=` on an export line.
fn second_assignments(sheet: &Sheet<'_>, raw: &Raw<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let last = pieces(sheet.bytes, raw.value.start).pop();
    let Some(piece) = last.filter(|piece| piece.form == Form::Bare) else { return found };
    let text = sheet.text(&piece.span);
    let mut at = 0;
    for word in text.split(|b| is_blank(*b)) {
        let name = word.iter().position(|b| *b == b'=').and_then(|e| word.get(..e));
        if at > 0 && name.is_some_and(is_valid_name) {
            found.push(piece.span.start + at - 1..piece.span.start + at);
        }
        at += word.len() + 1;
    }
    found
}

fn indented(sheet: &Sheet<'_>, node: &Node<'_>, name: &[u8]) -> Option<Defect> {
    let start = sheet.line(node.text.start).1;
    let indent = sheet.text(&(start..node.text.start));
    (!indent.is_empty() && indent.iter().all(|b| is_blank(*b))).then(|| {
        Defect::new(&finding::LEADING_WHITESPACE, start..node.text.start, "an indented line")
            .key(&String::from_utf8_lossy(name))
    })
}

/// MAX_ARG_STRLEN of Linux, without the NUL at the end.
const EXEC_LIMIT: usize = 131_071;

fn good_name(
    sheet: &Sheet<'_>,
    index: usize,
    node: &Node<'_>,
    raw: &Raw<'_>,
    name: &[u8],
) -> Vec<Defect> {
    let key = String::from_utf8_lossy(name);
    let span = raw.key.end - name.len()..raw.key.end;
    if is_unit_setting(name) {
        return vec![unit_line(sheet, raw, &key, span)];
    }
    let mut found = Vec::new();
    if let Some(first) = sheet.earlier(name, index) {
        let first = sheet.nodes.get(first).map_or(0, |n| sheet.line(n.text.start).0);
        found.push(
            Defect::new(
                &finding::DUPLICATE_KEY,
                span.clone(),
                format!("{key} is set on line {first} too; the last line counts"),
            )
            .key(&key),
        );
    }
    if is_risky(name) {
        let detail = format!("{key} steers every program of the unit, root's too");
        found.push(Defect::new(&finding::RISKY_KEY, span.clone(), detail).key(&key));
    }
    if name.len() + 1 + raw.cooked.len() > EXEC_LIMIT {
        let detail = format!("{key} is too long, no command can be executed with it");
        found.push(Defect::new(&finding::VALUE_TOO_LONG, span, detail).key(&key));
    }
    found.extend(meaning::check(sheet, node, raw, &key));
    found
}

/// Settings of units that stand beside variables there.
fn is_unit_setting(name: &[u8]) -> bool {
    matches!(
        name,
        b"Environment"
            | b"EnvironmentFile"
            | b"PassEnvironment"
            | b"ExecStart"
            | b"ExecStartPre"
            | b"WorkingDirectory"
            | b"WantedBy"
    )
}

/// A line of a unit; the assignments alone are proposed.
fn unit_line(sheet: &Sheet<'_>, raw: &Raw<'_>, key: &str, span: Range<usize>) -> Defect {
    let detail = format!("{key} is a setting of units; as a variable it does nothing");
    let mut defect = Defect::new(&finding::UNIT_LINE, span, detail).key(key);
    let lines = if key == "Environment" { assignments(sheet, raw) } else { None };
    let Some(lines) = lines else { return defect.class(Repair::ByHand) };
    for (name, _) in &lines {
        defect = defect.gain(name);
    }
    let line = |(name, value): &(String, Vec<u8>)| {
        [name.as_bytes(), b"=", &crate::env::encode_bytes(value)].concat()
    };
    let text = lines.iter().map(line).collect::<Vec<_>>().join(&b'\n');
    defect.propose(Edit::replace(raw.key.start..raw.value.end, text))
}

/// The assignments of `Environment=`, if each is in one piece and has no escapes.
fn assignments(sheet: &Sheet<'_>, raw: &Raw<'_>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut words: Vec<&[u8]> = Vec::new();
    for piece in pieces(sheet.bytes, raw.value.start) {
        let text = sheet.text(&piece.span);
        match piece.form {
            Form::Single { closed: true } | Form::Double { closed: true } => {
                words.push(text.get(1..text.len() - 1)?);
            }
            Form::Bare => words.extend(text.split(|b| is_blank(*b)).filter(|w| !w.is_empty())),
            Form::Single { .. } | Form::Double { .. } => return None,
        }
    }
    let assignment = |word: &&[u8]| {
        let equals = word.iter().position(|b| *b == b'=')?;
        let (name, value) = (word.get(..equals)?, word.get(equals + 1..)?);
        let plain = is_valid_name(name) && !value.iter().any(|b| b"\\\"'%\r\n".contains(b));
        plain.then(|| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
    };
    let found: Option<Vec<_>> = words.iter().map(assignment).collect();
    found.filter(|found| !found.is_empty())
}

/// Names that the loader, shells, interpreters and libc obey.
fn is_risky(name: &[u8]) -> bool {
    match name {
        b"PYTHONUNBUFFERED"
        | b"PYTHONDONTWRITEBYTECODE"
        | b"PYTHONIOENCODING"
        | b"PYTHONUTF8"
        | b"PYTHONHASHSEED" => false,
        b"PATH" | b"IFS" | b"ENV" | b"BASH_ENV" | b"SHELLOPTS" | b"BASHOPTS" | b"PS4"
        | b"GCONV_PATH" | b"LOCPATH" | b"NLSPATH" | b"HOSTALIASES" | b"RESOLV_HOST_CONF"
        | b"RES_OPTIONS" | b"TMPDIR" | b"GETCONF_DIR" | b"MALLOC_TRACE" | b"GLIBC_TUNABLES"
        | b"PERL5LIB" | b"PERL5OPT" | b"NODE_OPTIONS" | b"NOTIFY_SOCKET" | b"LISTEN_FDS"
        | b"LISTEN_PID" | b"SERVICE_RESULT" | b"EXIT_STATUS" | b"EXIT_CODE" | b"INVOCATION_ID"
        | b"MAINPID" => true,
        _ => name.starts_with(b"LD_") || name.starts_with(b"PYTHON"),
    }
}

fn bad_name(sheet: &Sheet<'_>, node: &Node<'_>, raw: &Raw<'_>, name: &[u8]) -> Defect {
    let start = raw.key.end - name.len();
    let span = start..raw.key.end;
    if let Some(defect) = shell_assignment(sheet, node, name) {
        return defect;
    }
    if let Some(item) = [b"- ", b"* "].iter().find_map(|dash| name.strip_prefix(*dash)) {
        let item = item.trim_ascii_start();
        if is_valid_name(item) {
            let key = String::from_utf8_lossy(item);
            return Defect::new(
                &finding::YAML_LIST_ITEM,
                span,
                format!("a dash in front of {key}; systemd does not set it"),
            )
            .key(&key)
            .gain(&key)
            .propose(Edit::delete(start..raw.key.end - item.len()));
        }
    }
    if let Some(defect) = colon(node, sheet.text(&node.text)) {
        return defect;
    }
    let clean = std::str::from_utf8(name)
        .ok()
        .and_then(plain_form)
        .map(|clean| clean.trim_ascii().to_vec());
    if let Some(clean) = clean.filter(|clean| is_valid_name(clean)) {
        let key = String::from_utf8_lossy(&clean).into_owned();
        let detail = format!("a character that cannot be seen is part of the name {key}");
        return Defect::new(&finding::INVISIBLE_CHAR, span.clone(), detail)
            .key(&key)
            .gain(&key)
            .propose(Edit::replace(span, clean));
    }
    let mut defect =
        Defect::new(&finding::BAD_KEY, span.clone(), "not a name; systemd drops this line");
    defect.finding.subject.key = shown_name(name);
    let inner = [b"\"", b"'"].iter().find_map(|q| name.strip_prefix(*q)?.strip_suffix(*q));
    if let Some(inner) = inner.filter(|inner| is_valid_name(inner)) {
        defect = defect
            .class(Repair::Asks)
            .gain(&String::from_utf8_lossy(inner))
            .propose(Edit::replace(span, inner));
    }
    defect
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::gate::Gate;
    use crate::env::scan::NodeKind;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// The short cut says nothing else than the whole look.
        #[test]
        fn plain_lines_have_no_defect(
            before in "|A_KEY=1\n|\r|# x\n",
            key in "(export | )?[A-Z_]{0,4}(KEY|PASS|NAME|LD_X|Environment)",
            value in "=?[ -~]{0,12}|'[ -~]{1,12}'|[A-Za-z0-9_@%+=:,./^-]{0,30}\
                |[a-z]{0,3}(KEY|DEBUG|DB_URL|PASS)=[a-z]{0,3}|x?__(key|SECRET)__x?|your[-_ ]key|xxx|changeit",
            end in "\\\\?\r?\n?"
        ) {
            let text = format!("{before}{key}={value}{end}");
            let gate = Gate::new(text.as_bytes());
            let context = crate::env::Context::default();
            let sheet = Sheet::new(text.as_bytes(), &gate, &context);
            for (index, node) in sheet.nodes.iter().enumerate() {
                let NodeKind::Assignment(raw) = &node.kind else { continue };
                let place = Place { index, in_code: false, conflict: false };
                let whole = looked_at(&sheet, node, raw, place);
                prop_assert_eq!(assignment(&sheet, node, raw, place), whole);
            }
        }
    }
}
