//! Programs of the administrator's that hear of a failure: /etc/projectmeats/on-failure.d.
//!
//! They run in a transient unit of their own, started without waiting, so that they can neither
//! delay nor fail a stop; one at a time, each with a limit, as the service user.

use std::path::Path;
use std::time::Duration;

use super::store::read_record_anywhere;
use crate::config::{CAPTURE, Config, ON_FAILURE_DIR, RUN_DIR};
use crate::flow::service_owner;
use crate::model::{Fact, FileKind, message};
use crate::sys::exec::{self, Request};
use crate::sys::ids::Accounts;
use crate::sys::journal::{self, Level};
use crate::sys::{Root, lock, process};

const MAX_HOOKS: usize = 64;
/// Limit of one program.
const SECONDS: u64 = 30;
const START: Duration = Duration::from_millis(300);

/// Starts the unit that runs the programs; nothing when there is none.
pub(super) fn start(root: &Root, id: &str) {
    if !process::systemd_runs(root) || programs(root).is_empty() {
        return;
    }
    let unit = format!("--unit=meats-hooks-{id}");
    let description = "--description=on-failure.d programs";
    let argv = [
        "/usr/bin/systemd-run",
        "--quiet",
        "--collect",
        "--no-block",
        &unit,
        description,
        "--property=RuntimeMaxSec=600",
        CAPTURE,
        "--hooks",
        id,
    ];
    if let Err(why) = exec::run(&Request::new(&argv).deadline(START)) {
        let text = format!("the programs in {ON_FAILURE_DIR} could not be started: {why}");
        journal::send(Level::Warning, super::PROGRAM, message::FOUND, &text, &[]);
    }
}

/// Runs the programs, in order of name, with the record on standard input.
///
/// # Errors
/// There is no such record, or the service user does not exist.
pub(super) fn run(root: &Root, config: &Config, id: &str) -> Result<(), String> {
    let path = Path::new(RUN_DIR).join("hooks.lock");
    let _one_at_a_time = lock::take(root, &path, Duration::from_secs(300))?;
    let record = read_record_anywhere(root, id);
    let record = record.ok_or(format!("there is no record \"{id}\""))?;
    let json = serde_json::to_vec(&record).map_err(|e| e.to_string())?;
    let accounts = Accounts::observe(root);
    let owner = service_owner(&accounts, config)
        .ok_or("the service user does not exist; no program is run as root instead")?;
    for program in programs(root) {
        let request = Request::new(&[&program])
            .stdin(json.clone())
            .env("MEATS_RECORD", id)
            .env("MEATS_FINDING", &record.cause.finding)
            .env("MEATS_UNIT", &record.unit)
            .owner(owner)
            .deadline(Duration::from_secs(SECONDS))
            .max_output(64 << 10);
        let failed = match exec::run(&request) {
            Ok(output) if output.success() => continue,
            Ok(output) => output.describe(),
            Err(why) => why,
        };
        let text = format!("a program for failures failed: {failed}");
        journal::send(Level::Warning, super::PROGRAM, message::FOUND, &text, &[]);
    }
    Ok(())
}

/// Executable regular files of root's that nobody else can write; names as run-parts(8) takes them.
fn programs(root: &Root) -> Vec<String> {
    let directory = Path::new(ON_FAILURE_DIR);
    let Fact::Known(listing) = root.list(directory, MAX_HOOKS) else { return Vec::new() };
    let fine =
        |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let program = |name: &std::ffi::OsString| {
        let name = name.to_str().filter(|n| fine(n))?;
        let path = directory.join(name);
        let stat = root.stat(&path);
        let stat = stat.known()?;
        let safe = stat.kind == FileKind::Regular && stat.is_roots_alone();
        (safe && stat.mode & 0o111 != 0).then(|| path.display().to_string())
    };
    listing.names.iter().filter_map(program).collect()
}
