//! Mutations that know the language: tokens, lines, splices, and plain bytes.

const TOKENS: &[&[u8]] = &[
    b"=",
    b"'",
    b"\"",
    b"\\",
    b"\n",
    b"\r",
    b"\r\n",
    b"#",
    b";",
    b"$",
    b"${",
    b"}",
    b"$(",
    b"`",
    b" ",
    b"\t",
    b"export ",
    b"\xef\xbb\xbf",
    b"\\\n",
    b"\\\r\n",
    b"# \\\n",
    b"A=",
    b"SECRET_KEY=",
    b"==",
    b"'\\''",
    b"$'",
    b" # ",
    b"<<<<<<< ",
    b"A: ",
    b"- A=",
    b"\0",
    b"\xff",
    b"\xc3",
    b"&amp;",
    b"changeme",
    b"\xc2\xa0",
    b"\xe2\x80\x9c",
    b"DATABASE_URL=postgres://u:p@h/d",
    b"${A:-x}",
    b"\\0101",
];

pub struct Mutator {
    state: u64,
    pool: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(seed: u64, seeds: &[Vec<u8>]) -> Self {
        Self { state: seed, pool: seeds.to_vec() }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random() % limit.max(1) as u64).unwrap_or(0)
    }

    pub fn next(&mut self) -> Vec<u8> {
        let index = self.below(self.pool.len());
        let mut text = self.pool[index].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut text);
        }
        text.truncate(512);
        text
    }

    pub fn keep(&mut self, input: Vec<u8>, most: usize) {
        if self.pool.len() < most {
            self.pool.push(input);
        } else {
            let index = self.below(most);
            self.pool[index] = input;
        }
    }

    fn change(&mut self, text: &mut Vec<u8>) {
        let at = self.below(text.len() + 1);
        match self.below(7) {
            0 if at < text.len() => text[at] = self.random().to_le_bytes()[0],
            1 if at < text.len() => {
                let end = (at + 1 + self.below(8)).min(text.len());
                text.drain(at..end);
            }
            2 if at < text.len() => {
                let end = (at + 1 + self.below(24)).min(text.len());
                let copy = text[at..end].to_vec();
                let to = self.below(text.len() + 1);
                text.splice(to..to, copy);
            }
            3 => {
                let other = self.below(self.pool.len());
                let other = &self.pool[other];
                let from = other.len() / 2;
                let tail = other[from..].to_vec();
                text.truncate(at);
                text.extend(tail);
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                text.splice(at..at, token.iter().copied());
            }
        }
    }
}
