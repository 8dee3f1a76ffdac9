//! Where records and the state between two failures lie.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::capture::{Places, Record, State, Stored, record_path};
use crate::config::{Config, RUN_DIR, STATE_DIR};
use crate::flow::service_owner;
use crate::model::{Effect, Fact, Origin, Owner, Plan, finding};
use crate::sys::apply::apply;
use crate::sys::ids::Accounts;
use crate::sys::{Root, clock};

const RECORD_LIMIT: u64 = 4 << 20;

pub(super) fn state_path(unit: &str) -> PathBuf {
    Path::new(RUN_DIR).join(format!("capture-{unit}.json"))
}

pub(super) fn make_directories(root: &Root) {
    make_directory(root, Path::new(RUN_DIR), 0o755);
    make_directory(root, Path::new(STATE_DIR), 0o700);
    make_directory(root, &kept_records(), 0o700);
}

pub(super) fn make_directory(root: &Root, path: &Path, mode: u32) {
    if root.stat(path).is_absent() {
        let mut plan = Plan::default();
        let owner = Owner::ROOT;
        let effect = Effect::MakeDir { path: path.to_owned(), owner, mode };
        plan.push(&finding::LOG_MISSING, Origin::Default, effect);
        apply(root, &plan);
    }
}

pub(super) fn places(root: &Root, config: &Config, unit: &str) -> Places {
    let accounts = Accounts::observe(root);
    let owner = service_owner(&accounts, config);
    Places {
        records: kept_records(),
        state: state_path(unit),
        log: config.log_file("post_failure.log"),
        log_owner: owner.unwrap_or(Owner::ROOT),
        log_cap: u64::from(config.capture_log_size.value),
        max_records: usize::try_from(config.capture_records.value).unwrap_or(usize::MAX),
        zone: clock::zone(root),
    }
}

pub(super) fn read_state(root: &Root, path: &Path) -> State {
    let bytes = root.read(path, 64 << 10);
    bytes.known().and_then(|b| serde_json::from_slice(b).ok()).unwrap_or_default()
}

/// A record by its id; None when it is gone or not ours.
pub(in crate::flow) fn read_record(root: &Root, directory: &Path, id: &str) -> Option<Record> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !id.bytes().all(fine) {
        return None;
    }
    let bytes = root.read(&record_path(directory, id), RECORD_LIMIT);
    let record: Record = serde_json::from_slice(bytes.known()?).ok()?;
    record.complete.then_some(record)
}

/// As [`read_record`], from the newer of the two places.
pub(in crate::flow) fn read_record_anywhere(root: &Root, id: &str) -> Option<Record> {
    let volatile = read_record(root, &volatile_records(), id);
    volatile.or_else(|| read_record(root, &kept_records(), id))
}

/// Where records are kept.
pub(in crate::flow) fn kept_records() -> PathBuf {
    Path::new(STATE_DIR).join("failures")
}

/// Where they go while /var cannot be written.
pub(in crate::flow) fn volatile_records() -> PathBuf {
    Path::new(RUN_DIR).join("failures")
}

/// The record files that are there, and what a killed capture has left half written: that counts
/// as infinitely old.
pub(in crate::flow) fn stored(root: &Root, directory: &Path) -> Vec<Stored> {
    let Fact::Known(listing) = root.list(directory, 200_000) else { return Vec::new() };
    let record = |name: &OsString| {
        let path = directory.join(name);
        let name = name.as_encoded_bytes();
        let half = name.starts_with(b".") && name.ends_with(b".meats-new");
        let ours = half || (name.ends_with(b".json") && !name.starts_with(b"."));
        let stat = ours.then(|| root.stat(&path))?;
        let stat = stat.known()?;
        let modified = if half { i64::MIN } else { stat.mtime.secs };
        Some(Stored { bytes: stat.size, modified, path })
    };
    listing.names.iter().filter_map(record).collect()
}
