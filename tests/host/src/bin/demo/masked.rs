//! Env files for the reader's eyes: what changed, without the values.

/// Lines of `old` and `new` that differ, `-` before the old and `+` before the new ones.
pub fn diff(old: &str, new: &str) -> String {
    let only = |lines: &str, other: &str, sign: char| {
        let differ = lines.lines().filter(|line| !other.lines().any(|o| o == *line));
        differ.map(|line| format!("{sign} {}\n", mask(line))).collect::<String>()
    };
    only(old, new, '-') + &only(new, old, '+')
}

/// The key, the quotes and a surplus `=` stay; the value becomes its length.
fn mask(line: &str) -> String {
    let Some((key, value)) = line.split_once('=') else { return line.to_owned() };
    let (lead, rest) = match value.strip_prefix('=') {
        Some(rest) => ("=", rest),
        None => ("", value),
    };
    let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let quote = quote.map(String::from).unwrap_or_default();
    let inner = rest.trim_matches(['\'', '"']).chars().count();
    format!("{key}={lead}{quote}*** {inner} characters ***{quote}")
}

#[cfg(test)]
mod tests {
    use super::diff;

    #[test]
    fn shows_the_form_and_never_the_value() {
        let old = "A=same\nSECRET_KEY==s3(cret\nNAME=x y\n";
        let new = "A=same\nSECRET_KEY='s3(cret'\nNAME=x y\n";
        let wanted = "- SECRET_KEY==*** 7 characters ***\n+ SECRET_KEY='*** 7 characters ***'\n";
        assert_eq!(diff(old, new), wanted);
    }
}
