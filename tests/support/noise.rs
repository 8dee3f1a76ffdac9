//! Random env files: the same seed gives the same file on every machine.

/// SplitMix64.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const KEYS: &[&str] = &["A", "B_1", "c", "DEBUG", "SECRET_KEY", "KEY9", "Z"];

const COMMON: &[&str] = &[
    "x", "y1", "abc", "=", " ", "  ", "\t", "'", "\"", "\\", "#", " #", ";", "$", "${A}", "$A",
    "$c", "`", "\\n", "\\t", "\\\"", "\\'", "\\$", "\\\\", "é", "{", "}", ":", "-", "%", "&", "(",
    ")", "|", "<", ">", "~", "*", "!", "==", "'\\''", "0", ".", "@", "/", ",", "\\\n", "\n",
];

const RARE: &[&[u8]] = &[
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    "\u{a0}".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{2028}".as_bytes(),
    b"\x1c",
    b"\x0b",
    b"\x07",
    "\u{fffe}".as_bytes(),
    "\u{fffd}".as_bytes(),
    "\u{200b}".as_bytes(),
    "${A:-d}".as_bytes(),
    "${}".as_bytes(),
    b"\\x41",
    b"\\0101",
    b"\\a",
    b"export ",
    "\u{1F969}".as_bytes(),
];

fn fragment(noise: &mut Noise, out: &mut Vec<u8>) {
    if noise.below(14) == 0 {
        let rare: &[u8] = noise.pick::<&[u8]>(RARE);
        out.extend_from_slice(rare);
    } else {
        out.extend_from_slice(noise.pick::<&str>(COMMON).as_bytes());
    }
}

/// A value in one of the forms that people write.
fn tidy(noise: &mut Noise, out: &mut Vec<u8>) {
    let letters = b"abcXYZ019_@%+=:,./^-";
    let quoted = b"abc $`\\\"#&();|<>*?{}!~ \t='";
    let length = noise.below(12);
    match noise.below(4) {
        0 => out.extend((0..length).map(|_| *noise.pick(letters))),
        1 => {
            out.push(b'\'');
            out.extend((0..length).map(|_| *noise.pick(quoted)).filter(|b| *b != b'\''));
            out.push(b'\'');
        }
        2 => {
            out.push(b'"');
            for _ in 0..length {
                let byte = *noise.pick(quoted);
                if b"\"\\$`".contains(&byte) {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        _ => {
            out.extend_from_slice(b"\"a$A${c}\"");
        }
    }
}

/// A file of a few lines; the kind of noise depends on the seed.
pub fn env_file(seed: u64) -> Vec<u8> {
    let mut noise = Noise::new(seed);
    let mut out = Vec::new();
    let kind = seed % 4;
    for _ in 0..1 + noise.below(6) {
        if kind == 2 {
            for _ in 0..noise.below(9) {
                fragment(&mut noise, &mut out);
            }
        } else {
            if noise.below(10) == 0 {
                out.extend_from_slice(
                    noise.pick(&["# note", "", "  ", "# a=b\\", "export "]).as_bytes(),
                );
                if !out.ends_with(b"export ") {
                    out.push(b'\n');
                }
            }
            out.extend_from_slice(noise.pick(KEYS).as_bytes());
            out.extend_from_slice(if noise.below(20) == 0 { b" = " } else { b"=" });
            if kind == 1 {
                for _ in 0..noise.below(7) {
                    fragment(&mut noise, &mut out);
                }
            } else {
                tidy(&mut noise, &mut out);
                if noise.below(12) == 0 {
                    out.extend_from_slice(noise.pick(&[" ", " # c", "#c", "\t", "\r"]).as_bytes());
                }
            }
        }
        out.push(b'\n');
    }
    if kind == 3 && !out.is_empty() {
        let at = noise.below(out.len());
        match noise.below(3) {
            0 => out[at] = noise.next().to_le_bytes()[0],
            1 => {
                out.remove(at);
            }
            _ => out.insert(at, *noise.pick(b"'\"\\$ =#\n\r`")),
        }
    }
    out
}
