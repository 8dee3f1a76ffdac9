//! Failure capture: facts of one failure become a cause and a record.
//!
//! Invariant: pure; no clock, no file. A text from outside becomes printable only by
//! [`Redactor`], which masks every secret by value and escapes control characters; a record is
//! made only with one. What no rule knows is called unknown.

mod cause;
mod classify;
mod error_log;
mod exception;
mod facts;
mod gunicorn;
mod manager;
mod outcome;
mod past;
mod plan;
mod record;
mod redact;
mod text;
mod traceback;

pub use cause::Cause;
pub use classify::{Verdict, classify};
pub use error_log::recent_lines;
pub use facts::{Facts, Host, Listener, LogLine, PathState, ServiceNames};
pub use gunicorn::busy_addresses;
pub use outcome::{Exit, Outcome, ServiceResult, is_invocation};
pub use past::{WELL, last_good_start};
pub use plan::{
    Places, Planned, State, Stored, plan_failure, plan_gave_up, plan_record, plan_running,
    record_path,
};
pub use record::{CapturedBy, Circumstances, EnvRecord, LineRecord, Record, SCHEMA};
pub use redact::{Redactor, raw_assignments};
pub use text::{render_again, render_block, render_detail, render_list};
pub use traceback::{Frame, Traceback, find_tracebacks};
