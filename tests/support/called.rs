//! The program under one of its names: it is what it is called.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A link of this name to the built program, made for this test program alone.
pub fn called(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    fs::create_dir_all(&directory).expect("a directory");
    let link = directory.join(name);
    let fresh = directory.join(format!("{name}.{:?}", std::thread::current().id()));
    symlink(env!("CARGO_BIN_EXE_meats"), &fresh).expect("a link");
    fs::rename(&fresh, &link).expect("a link");
    link
}
