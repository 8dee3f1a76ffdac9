//! SCRAM-SHA-256 (RFC 5802, RFC 7677): what PostgreSQL stores instead of a password (RFC 5803, as
//! `ALTER ROLE … PASSWORD` takes it), and the proof of who logs in. A failed statement is logged in
//! full, so a password never goes into one.

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
    let bytes = password.expose();
    if bytes.is_empty() || !bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
        return None;
    }
    let salted = salted(password, &salt, ROUNDS);
    let stored: [u8; 32] = Sha256::digest(keyed(&salted, b"Client Key")?).into();
    let server = keyed(&salted, b"Server Key")?;
    let [salt, stored, server] = [&salt[..], &stored, &server].map(Base64::encode_string);
    Some(Verifier(format!("{PREFIX}{salt}${stored}:{server}")))
}

/// The client's last message: proof that it knows the password, for this server's salt and nonce.
pub fn client_final(password: &Secret, bare: &str, server: &str) -> Option<String> {
    let part = |name: &str| server.split(',').find_map(|p| p.strip_prefix(name));
    let (nonce, salt) = (part("r=")?, Base64::decode_vec(part("s=")?).ok()?);
    let rounds: u32 = part("i=")?.parse().ok().filter(|n| (1..=1_000_000).contains(n))?;
    let ours = bare.split_once("r=").map(|(_, r)| r)?;
    if !nonce.starts_with(ours) {
        return None;
    }
    let without = format!("c=biws,r={nonce}");
    let key = keyed(&salted(password, &salt, rounds), b"Client Key")?;
    let stored: [u8; 32] = Sha256::digest(key).into();
    let signature = keyed(&stored, format!("{bare},{server},{without}").as_bytes())?;
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    Some(format!("{without},p={}", Base64::encode_string(&proof)))
}

fn salted(password: &Secret, salt: &[u8], rounds: u32) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.expose(), salt, rounds)
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
    fn the_proof_of_the_example_in_rfc_7677() {
        // There the user stands in the first message; in PostgreSQL's it is empty.
        let bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = client_final(&Secret::new("pencil"), bare, server).expect("a proof");
        assert!(last.ends_with(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), "{last}");
        assert_eq!(
            client_final(&Secret::new("pencil"), bare, "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1"),
            None
        );
    }

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
