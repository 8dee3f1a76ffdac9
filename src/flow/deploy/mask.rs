//! Keeps values of the env file out of what children print.

use crate::deploy::DatabaseUrl;
use crate::env::is_secret_key_name;
use crate::model::Secret;

/// The texts that no output may show.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask(Vec<Secret>);

/// Shorter values would mask half of every log ("1", "on"), and are no secrets worth the name.
const SHORTEST: usize = 4;

impl Mask {
    /// Secrets by name, and the password inside every URL.
    pub(super) fn new(variables: &[(String, Secret)]) -> Self {
        let mut texts = Vec::new();
        for (name, value) in variables {
            let url = std::str::from_utf8(value.expose()).ok().filter(|text| text.contains("://"));
            if let Some(text) = url {
                texts.push(value.clone());
                texts.extend(DatabaseUrl::parse(text).ok().map(|url| url.password));
                texts.extend(written_password(text));
            } else if is_secret_key_name(name) {
                texts.push(value.clone());
            }
        }
        // A short one is masked where it stands alone in quotes, as exceptions show it.
        for text in &mut texts {
            if (1..SHORTEST).contains(&text.expose().len()) {
                *text = Secret::new([b"'", text.expose(), b"'"].concat());
            }
        }
        texts.retain(|text| !text.expose().is_empty());
        // The whole URL before its password, else a piece of it would stay.
        texts.sort_by_key(|text| std::cmp::Reverse(text.expose().len()));
        Self(texts)
    }

    /// One more text that no output may show.
    pub(super) fn add(&mut self, text: Vec<u8>) {
        self.0.push(Secret::new(text));
    }

    /// `bytes` as text, every secret replaced.
    pub(super) fn text(&self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for secret in &self.0 {
            if let Ok(secret) = std::str::from_utf8(secret.expose()) {
                text = text.replace(secret, "********");
            }
        }
        text
    }
}

/// The password as it stands in the URL, and its first part up to a character that splits a URL
/// too early: Python's exceptions show exactly that part.
fn written_password(url: &str) -> Vec<Secret> {
    let Some((_, rest)) = url.split_once("://") else { return Vec::new() };
    let Some((login, _)) = rest.rsplit_once('@') else { return Vec::new() };
    let Some((_, password)) = login.split_once(':') else { return Vec::new() };
    let first = password.split(['/', '?', '#']).next().unwrap_or_default();
    vec![Secret::new(password), Secret::new(first)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_only_in_quotes() {
        let url = ("DATABASE_URL".to_owned(), Secret::new("postgres://u:se/cret@h/db"));
        let mask = Mask::new(&[url]);
        assert_eq!(mask.text(b"value as 'se', see base"), "value as ********, see base");
    }

    #[test]
    fn no_part_of_a_secret_is_left() {
        let variables = [
            ("SECRET_KEY".to_owned(), Secret::new("k3y-k3y")),
            ("DATABASE_URL".to_owned(), Secret::new("postgres://u:pa%40ss/w0rd@h/db")),
            ("DEBUG".to_owned(), Secret::new("True")),
        ];
        let mask = Mask::new(&variables);
        for (said, shown) in [
            ("key k3y-k3y, DEBUG=True", "key ********, DEBUG=True"),
            ("bad url postgres://u:pa%40ss/w0rd@h/db", "bad url ********"),
            (
                "Port could not be cast to integer value as 'pa%40ss'",
                "Port could not be cast to integer value as '********'",
            ),
            ("pa%40ss/w0rd", "********"),
        ] {
            assert_eq!(mask.text(said.as_bytes()), shown);
        }
    }
}
