//! Values that stand in the published scripts, settings and documents of the project.
//!
//! Invariant: none of them is in this program, only length and SHA-256; a value of another length
//! costs nothing.

use sha2::{Digest, Sha256};

use crate::model::hex;

/// Of keys: defaults in the settings, templates.
const KEYS: &[(usize, &str)] = &[
    (68, "509497dc8e86398e56c8da3c58c5713ac13f16c43c24b4f357b902e7888d6a91"),
    (44, "a505f6c3e9e7c594343900f5f3b694dd566ac7a3ce83d24f5c0973050b164019"),
    (40, "4befff222de29b1601102e7e2c5d67a0144028cd5da3f53fe999f02b70b9ec23"),
    (51, "d95acf60cfd715dd954f9c5799523b2b849090233982e2d67df84a24baece9a1"),
    (32, "735d2989efe73ef1142aedf63fca5c4cd34b21561ca2fb1d7f743944ebabcceb"),
    (35, "966c0408bb56e5e935c7a6c982e4c498bed43bb7772c9e1ce57c82e0cff3b5f5"),
    (18, "8798243d0b3a2253e40f3ae87d2526746e8e5329b88dbc41f6f6021069dc056c"),
    (39, "de7e7c720036a26622e01ab89b4a4c9fd155eb8b7685f9bb54678520b57c3b5c"),
    (37, "705abce4caeeceb77336e574f1f4f386fd08763c4e605db6621e9499248cb182"),
    (26, "ac5076ab0c6ae4bd2bb5808e2ade33f4c8c90b52db9f84c01a928d9bb5418196"),
];

/// Of database passwords: set-up scripts, documents.
const PASSWORDS: &[(usize, &str)] = &[
    (17, "9f1782e89d13702f977a23ca082ec104ed0c9f8e5791d3e996e11bbc5d16acfa"),
    (19, "486f0a9839674a9dfcf52efbffe2469b01b87f5e5c967ec8f0ee3b7d9a308a8c"),
    (11, "d0cc333979497e7263f6288c1aacd6f2cdc659e9efad861265095b7db9060e6a"),
    (8, "a942b37ccfaf5a813b1432caa209a43b9d144e47ad0de1549c289c253e556cd5"),
    (15, "ff2f12ec5c6a2e9ef6b61c958ed701c327469190a18075fd909ec2a9b42b94f2"),
    (20, "e5353294804cf9ce0d3e1f1907d8ab7f376e9cd046a032e7cc5b238783aefd53"),
    (22, "4ea94f19a0599465b2eb68a33fc2b62b08bab80f0c64111052aea1a26819c2b2"),
];

pub(super) fn key(value: &str) -> bool {
    is_one_of(KEYS, value)
}

pub(super) fn password(value: &str) -> bool {
    is_one_of(PASSWORDS, value)
}

fn is_one_of(list: &[(usize, &str)], value: &str) -> bool {
    let same = |(length, known): &(usize, &str)| {
        *length == value.len() && *known == hex(Sha256::digest(value))
    };
    list.iter().any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_digest() {
        for (value, expected) in [("postgres", true), ("postgrez", false), ("", false)] {
            assert_eq!(password(value), expected, "{value}");
        }
        assert!(!key("postgres"));
    }
}
