//! Output for people and programs.
//!
//! Invariant: pure; values in, text out. No secret can reach it: contents of files travel as
//! `Secret`, and actions are described by path, owner and mode only. What came from the file
//! system or a log is escaped before it is printed.

mod action;
mod bundle;
mod explain;
mod finding;
mod html;
mod json;
mod lint;
mod markup;
mod metrics;
mod status;
mod text;
mod timeline;

pub use crate::model::{escape, escape_path};
pub use action::{describe_action, describe_owner};
pub use bundle::{Document, pack};
pub use explain::{nearest, render_explanation, render_roff as render_findings_roff};
pub use finding::{one_line, shell_words};
pub use html::{Page, render_html};
pub use json::{Run, render_json};
pub use lint::{
    Checked, Shown, lint_exit_status, render_lint_github, render_lint_json, render_lint_sarif,
    render_lint_short, render_lint_text, render_masked_diff,
};
pub use metrics::{MetricsRun, render_metrics};
pub use status::{FoundItem, RepairedItem, StartStatus};
pub use text::{Glance, Style, closing, render_text};
pub use timeline::{Event, EventKind};
