//! The wire type of `/run/projectmeats-fixes/status.json`.

use serde::Serialize;

/// What the last start did. Fields are only added.
#[derive(Debug, Serialize)]
pub struct StartStatus {
    pub schema: &'static str,
    pub unit: String,
    /// Seconds since the epoch.
    pub time: i64,
    pub invocation_id: Option<String>,
    /// False when pre-start stopped the start.
    pub started: bool,
    pub repaired: Vec<RepairedItem>,
    pub findings: Vec<FoundItem>,
    pub complete: bool,
}

/// One repair.
#[derive(Debug, Serialize)]
pub struct RepairedItem {
    pub id: &'static str,
    pub text: String,
}

/// One finding that was not repaired.
#[derive(Debug, Serialize)]
pub struct FoundItem {
    pub id: &'static str,
    pub blocks: bool,
    pub text: String,
}

impl StartStatus {
    pub const SCHEMA: &'static str = "projectmeats.start/1.0";
}
