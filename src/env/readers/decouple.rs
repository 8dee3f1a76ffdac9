//! python-decouple. Source: HBNetwork/python-decouple, `RepositoryEnv`; measured with 3.8.

use super::View;
use super::text::{is_python_space, python_text};

pub(super) fn read(bytes: &[u8]) -> View {
    let text = match python_text(bytes) {
        Ok(text) => text,
        Err(line) => return View::error(line, "the file is not UTF-8"),
    };
    let mut view = View::whole();
    for line in text.split('\n') {
        let line = line.trim_matches(is_python_space);
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let value = value.trim_matches(is_python_space);
        let inner = ['\'', '"']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        view.set(key.trim_matches(is_python_space), inner.unwrap_or(value));
    }
    view
}
