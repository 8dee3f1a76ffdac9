//! Generated files: compared with the committed ones, or rewritten.

use std::fs;
use std::path::Path;

/// Compares a generated file with the committed one; `BLESS=1` rewrites it, but not under CI.
pub fn generated(path: &str, expected: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(path);
    if std::env::var_os("BLESS").is_some() && std::env::var_os("CI").is_none() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        // By rename: the other tests read the same files at the same time.
        let target = root.join("target");
        fs::create_dir_all(&target).unwrap();
        let beside = target.join(path.replace('/', "-"));
        fs::write(&beside, expected).unwrap();
        fs::rename(&beside, &file).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == expected, "{path} is out of date; repair it with: make bless");
}
