//! What PostgreSQL stores instead of a password (RFC 5803, as `ALTER ROLE … PASSWORD` takes it): a
//! failed statement is logged in full, so a password never goes into one.

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::model::Secret;

/// Rounds that PostgreSQL itself uses.
const ROUNDS: u32 = 4096;
const PREFIX: &str = "SCRAM-SHA-256$4096:";

/// A SCRAM verifier: nobody can log in with it, but it is worth guessing against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(String);

impl Verifier {
    /// Its text for SQL or a file of root's.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The salt of a verifier's text.
    pub fn salt_of(text: &str) -> Option<[u8; 16]> {
        let salt = text.trim_end().strip_prefix(PREFIX)?.split_once('$')?.0;
        Base64::decode_vec(salt).ok()?.try_into().ok()
    }
}

/// The verifier of a password; None for one outside printable ASCII, which needs SASLprep first.
pub fn scram_verifier(password: &Secret, salt: [u8; 16]) -> Option<Verifier> {
    let password = password.expose();
    if password.is_empty() || !password.iter().all(|b| (0x20..0x7f).contains(b)) {
        return None;
    }
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, &salt, ROUNDS);
    let stored: [u8; 32] = Sha256::digest(keyed(&salted, b"Client Key")?).into();
    let server = keyed(&salted, b"Server Key")?;
    let [salt, stored, server] = [&salt[..], &stored, &server].map(Base64::encode_string);
    Some(Verifier(format!("{PREFIX}{salt}${stored}:{server}")))
}

fn keyed(key: &[u8], text: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_computes_it() {
        let salt: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).expect("small"));
        let verifier = scram_verifier(&Secret::new("pencil"), salt).expect("a verifier");
        assert_eq!(
            verifier.text(),
            "SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$zHCdol2044/ZyWzPLi7oxApCkamKw9Z+E4U/QApd/5Y=:dd5peBOitVnLNFu7VmwP+HiDaaw4OUCv396eVCWhYiE="
        );
        assert_eq!(Verifier::salt_of(verifier.text()), Some(salt));
        assert_eq!(Verifier::salt_of("md5abc"), None);
        assert_eq!(scram_verifier(&Secret::new("gr\u{fc}n"), salt), None);
        assert_eq!(scram_verifier(&Secret::new(""), salt), None);
    }
}
