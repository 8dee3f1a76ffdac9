//! The two hashes of journal files: siphash24 with the file's id as its key, and in files of before
//! systemd 246 (or where the administrator asks for it) Jenkins's lookup3.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// Which of them a file uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// With the 16 bytes of the file's id.
    Keyed([u8; 16]),
    Jenkins,
}

impl Hash {
    pub(super) fn of(self, bytes: &[u8]) -> u64 {
        match self {
            Self::Keyed(key) => {
                let mut hasher = SipHasher24::new_with_key(&key);
                hasher.write(bytes);
                hasher.finish()
            }
            Self::Jenkins => lookup3(bytes),
        }
    }
}

/// `hashlittle2` of lookup3.c (Bob Jenkins, 2006, public domain) with both seeds 0; its first result
/// is the upper half.
fn lookup3(bytes: &[u8]) -> u64 {
    let begin = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let mut state = [begin; 3];
    let mut rest = bytes;
    // The last 1 to 12 bytes are mixed in another way.
    while let Some((words, after)) = rest.split_first_chunk::<12>().filter(|(_, a)| !a.is_empty()) {
        add(&mut state, words);
        mix(&mut state);
        rest = after;
    }
    if !rest.is_empty() {
        let mut last = [0; 12];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        add(&mut state, &last);
        finish(&mut state);
    }
    let [_, b, c] = state;
    u64::from(c) << 32 | u64::from(b)
}

fn add([a, b, c]: &mut [u32; 3], bytes: &[u8; 12]) {
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11] = *bytes;
    *a = a.wrapping_add(u32::from_le_bytes([b0, b1, b2, b3]));
    *b = b.wrapping_add(u32::from_le_bytes([b4, b5, b6, b7]));
    *c = c.wrapping_add(u32::from_le_bytes([b8, b9, b10, b11]));
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, by: u32| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(by);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, by: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(by));
    step(c, *b, 14);
    step(a, *c, 11);
    step(b, *a, 25);
    step(c, *b, 16);
    step(a, *c, 4);
    step(b, *a, 14);
    step(c, *b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of lookup3.c (`driver5`) with seeds of 0, and of the siphash paper (appendix A).
    #[test]
    fn known_values() {
        assert_eq!(lookup3(b""), 0xdead_beef_dead_beef);
        let text = b"Four score and seven years ago";
        assert_eq!(lookup3(text), 0x1777_0551_ce72_26e6);
        let key: [u8; 16] = std::array::from_fn(|n| n as u8);
        let message: [u8; 15] = std::array::from_fn(|n| n as u8);
        assert_eq!(Hash::Keyed(key).of(&message), 0xa129_ca61_49be_45e5);
    }
}
