//! Redaction by value, whatever form the value takes.
//!
//! Invariant: no secret of [`LONG`] bytes or more, and no piece of one of that length, passes in
//! any of the forms of [`forms`]; one of 4 to 7 bytes does not pass as a word. Control characters
//! are escaped. What stands beside a name such as "password" passes neither, known or not. With more
//! secrets than [`MOST`] nothing passes.

mod forms;
mod position;
mod secrets;

use std::collections::HashMap;
use std::ops::Range;

use forms::{ALL, FORMS, Plain};
use secrets::Part;

use crate::model::{Secret, escape};
use position::by_position;

pub use secrets::raw_assignments;

/// A piece of a secret of this length is recognised wherever it stands.
const LONG: usize = 8;
/// More bytes of secrets than that are not learned: each is learned in all forms.
const MOST: usize = 128 << 10;
/// What stands for a text that may have a value which is not known.
const LEFT_OUT: &str = "[left out]";

type Gram = [u8; LONG];

/// Knows the secrets and makes texts printable.
#[derive(Default)]
pub struct Redactor {
    keys: Vec<String>,
    /// Every piece of [`LONG`] bytes of every secret in every form → its key.
    pieces: HashMap<Gram, usize>,
    /// Secrets shorter than that, whole.
    short: HashMap<Vec<u8>, usize>,
    /// Not all secrets are known.
    blind: bool,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor of {} keys", self.keys.len())
    }
}

impl Redactor {
    /// `secrets` are assignments of the env file; `public` are texts that everybody knows (paths,
    /// names from the settings): a piece of a secret that is part of one is not hidden, for hiding
    /// it would spoil every path and show by that what the secret is.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a Secret)>,
        public: &[&str],
    ) -> Self {
        let mut redactor = Self::default();
        let (mut known, mut numbers) = (HashMap::new(), HashMap::new());
        let mut room = MOST;
        for part in secrets.into_iter().flat_map(|(key, value)| secrets::secret_parts(key, value)) {
            let whole = [part.key.as_bytes(), b"=", &part.bytes].concat();
            if known.insert(whole, 0).is_some() {
                continue;
            }
            let Some(left) = room.checked_sub(part.bytes.len()) else {
                redactor.blind = true;
                break;
            };
            room = left;
            let key = *numbers.entry(part.key.clone().into_bytes()).or_insert(redactor.keys.len());
            if key == redactor.keys.len() {
                redactor.keys.push(part.key.clone());
            }
            redactor.learn(&part, key);
        }
        for text in public {
            let known = FORMS[0].undo(text.as_bytes());
            for gram in grams(&known.bytes) {
                redactor.pieces.remove(&gram);
            }
            redactor.short.retain(|bytes, _| !contains(&known.bytes, bytes));
        }
        redactor
    }

    /// There are secrets that were not learned.
    pub fn blind(&mut self) {
        self.blind = true;
    }

    /// Nothing is shown of what somebody else wrote.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    fn learn(&mut self, part: &Part, key: usize) {
        for bytes in FORMS.iter().map(|form| form.undo(&part.bytes).bytes) {
            let short = (secrets::SHORTEST..LONG).contains(&bytes.len());
            if short {
                self.short.entry(bytes).or_insert(key);
            }
        }
        // The value may itself look escaped, and a reader of the text would undo it.
        let once = ALL.undo(&part.bytes);
        let twice = once.again(ALL);
        let forms = FORMS.iter().map(|f| f.undo(&part.bytes)).chain([once, twice]);
        for bytes in forms.map(|p| p.bytes).chain(base64_forms(&part.bytes)) {
            for gram in grams(&bytes) {
                self.pieces.entry(gram).or_insert(key);
            }
        }
    }

    /// Makes one text printable.
    pub fn text(&self, text: &str) -> String {
        self.lines(&[text]).pop().unwrap_or_default()
    }

    /// Makes lines printable that belong together: a value split over several is found. As many
    /// lines come out as went in.
    pub fn lines<S: AsRef<str>>(&self, lines: &[S]) -> Vec<String> {
        match self.blind {
            true => lines.iter().map(|_| LEFT_OUT.to_owned()).collect(),
            false => self.own(lines),
        }
    }

    /// As [`Self::lines`], of words that are ours: they are shown even where not all secrets are known.
    pub fn own<S: AsRef<str>>(&self, lines: &[S]) -> Vec<String> {
        let text = lines.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n");
        let mut hidden = self.find(text.as_bytes());
        hidden.extend(by_position(&text).into_iter().map(|range| (range, None)));
        let hidden = merge(&text, hidden);
        let mut at = 0;
        lines
            .iter()
            .map(|line| {
                let range = at..at + line.as_ref().len();
                at = range.end + 1;
                self.mask(&text, range, &hidden)
            })
            .collect()
    }

    fn mask(&self, text: &str, line: Range<usize>, hidden: &[Hidden]) -> String {
        let mut out = String::new();
        let mut at = line.start;
        let from = hidden.partition_point(|(r, _)| r.end <= line.start);
        for (range, key) in hidden.iter().skip(from).take_while(|(r, _)| r.start < line.end) {
            let start = range.start.max(line.start);
            out.push_str(&escape(text.get(at..start).unwrap_or_default()));
            out.push('[');
            out.push_str(key.and_then(|k| self.keys.get(k)).map_or("secret", String::as_str));
            out.push(']');
            at = range.end.min(line.end);
        }
        out.push_str(&escape(text.get(at..line.end).unwrap_or_default()));
        out
    }

    fn find(&self, text: &[u8]) -> Vec<Hidden> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let mut hidden = Vec::new();
        for form in FORMS.iter().filter(|f| f.concerns(text)) {
            let plain = form.undo(text);
            self.find_pieces(&plain, &mut hidden);
            self.find_short(&plain, text, &mut hidden);
        }
        if ALL.concerns(text) {
            self.find_pieces(&ALL.undo(text).again(ALL), &mut hidden);
        }
        hidden
    }

    fn find_pieces(&self, plain: &Plain, hidden: &mut Vec<Hidden>) {
        for (i, gram) in plain.bytes.windows(LONG).enumerate() {
            let Some(key) = <&Gram>::try_from(gram).ok().and_then(|g| self.pieces.get(g)) else {
                continue;
            };
            let places = plain.at.get(i).zip(plain.at.get(i + LONG - 1));
            if let Some((first, last)) = places {
                hidden.push((first.start..last.end, Some(*key)));
            }
        }
    }

    fn find_short(&self, plain: &Plain, text: &[u8], hidden: &mut Vec<Hidden>) {
        let letter = |at: Option<usize>| {
            at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric)
        };
        for length in secrets::SHORTEST..LONG {
            let mut first = [false; 256];
            for value in self.short.keys().filter(|value| value.len() == length) {
                let begin = value.first().and_then(|begin| first.get_mut(usize::from(*begin)));
                *begin.unwrap_or(&mut false) = true;
            }
            for (i, window) in plain.bytes.windows(length).enumerate() {
                let begin = window.first().map_or(0, |begin| usize::from(*begin));
                if first.get(begin) != Some(&true) {
                    continue;
                }
                let Some(key) = self.short.get(window) else { continue };
                let places = plain.at.get(i).zip(plain.at.get(i + length - 1));
                let Some((first, last)) = places else { continue };
                if !letter(first.start.checked_sub(1)) && !letter(Some(last.end)) {
                    hidden.push((first.start..last.end, Some(*key)));
                }
            }
        }
    }
}

/// What to hide and whose it is.
type Hidden = (Range<usize>, Option<usize>);

/// Sorted, without overlaps, at character boundaries. The known key names the mask.
fn merge(text: &str, mut hidden: Vec<Hidden>) -> Vec<Hidden> {
    hidden.sort_by_key(|(r, _)| (r.start, r.end));
    let mut merged: Vec<Hidden> = Vec::new();
    for (mut range, key) in hidden {
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
        match merged.last_mut() {
            Some((last, of))
                if range.start < last.end || (range.start == last.end && *of == key) =>
            {
                last.end = last.end.max(range.end);
                *of = of.or(key);
            }
            _ => merged.push((range, key)),
        }
    }
    merged
}

fn grams(bytes: &[u8]) -> impl Iterator<Item = Gram> + '_ {
    bytes.windows(LONG).filter_map(|w| Gram::try_from(w).ok())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|w| w == part)
}

/// Base64 of the value at each of the three positions it can have in a longer text, without the
/// digits that its neighbours decide; both alphabets.
fn base64_forms(value: &[u8]) -> Vec<Vec<u8>> {
    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut forms = Vec::new();
    for alphabet in [STANDARD, URL] {
        for shift in 0..3 {
            let padded: Vec<u8> =
                std::iter::repeat_n(0, shift).chain(value.iter().copied()).collect();
            let digits = base64(&padded, alphabet);
            let whole = padded.len() * 8 / 6;
            let first = (shift * 8).div_ceil(6);
            forms.push(digits.get(first..whole).unwrap_or_default().to_vec());
        }
        let mut closed = base64(value, alphabet);
        closed.resize(closed.len().next_multiple_of(4), b'=');
        forms.push(closed);
    }
    forms
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
    let digit = |n: u32| alphabet.get((n & 63) as usize).copied().unwrap_or(b'=');
    let mut out = Vec::with_capacity(bytes.len() * 4 / 3 + 4);
    for chunk in bytes.chunks(3) {
        let bits =
            (0..3).fold(0, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        let digits = [bits >> 18, bits >> 12, bits >> 6, bits].map(digit);
        out.extend(digits.iter().take(chunk.len() + 1));
    }
    out
}

#[cfg(test)]
mod tests;
