//! A set of bytes that is asked for each byte of a file. Invariant: one look-up, whatever is in it.

/// What names are made of; no digit stands first.
pub(super) const NAME_LETTERS: ByteSet =
    ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    pub const fn of(members: &[u8]) -> Self {
        let mut set = Self([false; 256]);
        let mut rest = members;
        while let [first, others @ ..] = rest {
            set = set.with(*first);
            rest = others;
        }
        set
    }

    /// The same with one more.
    pub const fn with(mut self, member: u8) -> Self {
        if let (_, [place, ..]) = self.0.split_at_mut(member as usize) {
            *place = true;
        }
        self
    }

    #[inline(always)]
    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).is_some_and(|member| *member)
    }
}
