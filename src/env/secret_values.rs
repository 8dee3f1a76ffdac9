//! Which keys hold secrets. Invariant: decided by the name alone.

/// True for names whose value has to be random and is worth stealing.
pub fn is_secret_key_name(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    ["SECRET", "PASSWORD", "PASSWD", "PASS", "TOKEN", "_KEY", "CREDENTIAL", "DATABASE_URL", "DSN"]
        .iter()
        .any(|word| key.contains(word))
}
