//! The record of a failure as it is written: `projectmeats.failure/1.1`.
//!
//! Fields are only added; man/failure-record.schema.json has the contract. Every text in a record
//! went through a [`Redactor`]: [`Record::new`] is the only way to make one from facts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::classify::Verdict;
use super::facts::Facts;
use super::outcome::{Exit, Outcome, signal_name};
use super::redact::Redactor;
use crate::model::finding::HostNames;
use crate::model::{Evidence, Fact, Space, finding};

/// The name and version of the format.
pub const SCHEMA: &str = "projectmeats.failure/1.1";

/// Most bytes of one log line, and of all of them together.
const LINE_BYTES: usize = 4096;
const LOG_BYTES: usize = 256 << 10;

/// One failure, or a loop of them with one cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub schema: String,
    /// `20261123-130216-7f3a1b2c`: UTC and the begin of the invocation id; also the file's name.
    pub id: String,
    pub unit: String,
    pub cause: CauseRecord,
    pub result: ResultRecord,
    /// How often the same cause came again without a break of ten minutes.
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    pub invocation: Option<String>,
    /// The newest one when `count` is above 1.
    pub last_invocation: Option<String>,
    pub traceback: Option<TracebackRecord>,
    pub journal: LogRecord,
    pub error_log: LogRecord,
    pub host: HostRecord,
    pub env: EnvRecord,
    /// What pre-start had found at this start: texts with finding ids.
    pub pre_start: Vec<String>,
    /// What could not be looked at, and why.
    pub not_seen: Vec<String>,
    pub captured_by: CapturedBy,
    pub complete: bool,
}

/// Which of the two ways brought the failure to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapturedBy {
    /// `ExecStopPost=`
    StopPost,
    /// `OnFailure=`
    OnFailure,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseRecord {
    /// A finding id that `meats-diagnose explain` knows.
    pub finding: String,
    pub name: String,
    pub sentence: String,
    pub evidence: Vec<EvidenceRecord>,
    pub remedy: String,
    /// Commands as words.
    pub commands: Vec<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRecord {
    pub source: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// systemd's word; None when it said nothing known.
    pub systemd: Option<String>,
    pub exit_status: Option<u8>,
    /// Without SIG.
    pub signal: Option<String>,
    pub core_dumped: bool,
    /// Seconds that the main process ran.
    pub ran: Option<f64>,
    /// The how-manieth start in a row, by systemd's count of restarts.
    pub start: Option<u64>,
    /// True when `SuccessExitStatus=` made systemd call it a success.
    pub hidden_by_systemd: bool,
    pub gunicorn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracebackRecord {
    pub file: String,
    pub line: u32,
    pub function: String,
    pub exception: String,
    pub message: String,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    pub lines: Vec<LineRecord>,
    /// Older lines of this run that are not in the record.
    pub left_out: usize,
    /// Why there are none, if there are none.
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRecord {
    pub time: Option<Timestamp>,
    pub by: String,
    pub text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    pub disks: Vec<DiskRecord>,
    /// Bytes.
    pub memory_available: Option<u64>,
    pub listeners: Vec<ListenerRecord>,
    pub database: Option<DatabaseRecord>,
    pub changed: Vec<ChangeRecord>,
    /// The newest deployment: release or commit. Since 1.1.
    #[serde(default)]
    pub last_deployment: Option<ChangeRecord>,
    /// When the service last started and then ran for a minute at least. Since 1.1.
    #[serde(default)]
    pub last_good_start: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskRecord {
    pub path: String,
    pub used_percent: u8,
    pub free: u64,
    pub inodes_used_percent: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerRecord {
    pub address: String,
    /// None: the address is free.
    pub holder: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseRecord {
    pub address: String,
    pub reachable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    pub what: String,
    pub time: Timestamp,
}

/// The env file, without a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvRecord {
    /// `read`, `missing`, or why it could not be read.
    pub state: String,
    pub keys: usize,
}

/// What belongs to a record besides facts and verdict.
#[derive(Clone, Debug)]
pub struct Circumstances {
    pub now: Timestamp,
    pub invocation: Option<String>,
    /// From systemd's `NRestarts`.
    pub start: Option<u64>,
    pub gunicorn: Option<String>,
    pub env: EnvRecord,
    pub pre_start: Vec<String>,
    pub not_seen: Vec<String>,
    pub captured_by: CapturedBy,
}

impl Record {
    /// Makes a record; every text passes the redactor.
    pub fn new(facts: &Facts, verdict: &Verdict, about: Circumstances, r: &Redactor) -> Self {
        let stamp = about.now.strftime("%Y%m%d-%H%M%S");
        let short = about.invocation.as_deref().and_then(|i| i.get(..8)).map(str::to_owned);
        let short = short.unwrap_or_else(|| format!("{:08x}", about.now.subsec_nanosecond()));
        Self {
            schema: SCHEMA.to_owned(),
            id: format!("{stamp}-{short}"),
            unit: facts.unit.clone(),
            cause: cause(facts, verdict, r),
            result: result(facts, &about),
            count: 1,
            first: about.now,
            last: about.now,
            last_invocation: about.invocation.clone(),
            invocation: about.invocation,
            traceback: traceback(facts, verdict, r),
            journal: journal(facts, r),
            error_log: error_log(&facts.error_log, r),
            host: host(facts, r),
            env: about.env,
            pre_start: r.lines(&about.pre_start),
            not_seen: r.own(&about.not_seen),
            captured_by: about.captured_by,
            complete: true,
        }
    }

    /// The same cause once more.
    pub fn again(&mut self, now: Timestamp, invocation: Option<String>) {
        self.count += 1;
        self.last = now;
        self.last_invocation = invocation;
    }

    /// Equal for failures that are counted together. Where the cause is not known the sentence has
    /// what the program said, with its process numbers and times: digits do not count.
    pub fn same_cause(&self, other: &Self) -> bool {
        let unknown = self.cause.finding == finding::CAP_UNKNOWN.id;
        let words = |record: &Self| {
            let counts = |c: &char| !unknown || !c.is_ascii_digit();
            record.cause.sentence.chars().filter(counts).collect::<String>()
        };
        self.unit == other.unit
            && self.cause.finding == other.cause.finding
            && words(self) == words(other)
            && (!unknown || self.how() == other.how())
    }

    /// Whether it says more than that the service failed.
    pub fn tells(&self) -> bool {
        let words = || self.cause.evidence.iter().any(|seen| seen.source == "journal");
        match finding::by_word(&self.cause.finding) {
            Some(kind) if kind == &finding::CAP_UNKNOWN => words(),
            Some(kind) => kind != &finding::CAP_START_LIMIT,
            None => false,
        }
    }

    /// `projectmeats` of `projectmeats.service`.
    pub fn service(&self) -> &str {
        self.unit.strip_suffix(".service").unwrap_or(&self.unit)
    }

    /// "exit 1", "signal KILL", systemd's word, or "unknown".
    pub fn how(&self) -> String {
        match (&self.result.exit_status, &self.result.signal, &self.result.systemd) {
            (Some(status), ..) => format!("exit {status}"),
            (_, Some(signal), _) => format!("signal {signal}"),
            (.., Some(word)) => word.clone(),
            _ => "unknown".to_owned(),
        }
    }
}

fn cause(facts: &Facts, verdict: &Verdict, r: &Redactor) -> CauseRecord {
    let host = HostNames {
        service: facts.unit.strip_suffix(".service").unwrap_or(&facts.unit),
        user: &facts.names.user,
        app_dir: &facts.names.app_dir,
        venv: &facts.names.venv,
    };
    let cause = &verdict.cause;
    let evidence =
        |e: &Evidence| EvidenceRecord { source: e.source.clone(), text: cut(r.text(&e.text), 0) };
    let commands = cause.commands.iter().filter(|_| !r.is_blind());
    CauseRecord {
        finding: cause.kind.id.to_owned(),
        name: cause.kind.name.to_owned(),
        sentence: cut(
            if r.is_blind() { cause.kind.summary.to_owned() } else { r.text(&cause.sentence) },
            0,
        ),
        evidence: cause.evidence.iter().map(evidence).collect(),
        remedy: cause.kind.remedy_on(&host),
        commands: commands.map(|words| r.lines(words)).collect(),
    }
}

fn result(facts: &Facts, about: &Circumstances) -> ResultRecord {
    let Outcome { result, exit } = facts.outcome;
    let (exit_status, signal, core_dumped) = match exit {
        Some(Exit::Exited(status)) => (Some(status), None, false),
        Some(Exit::Killed(signal)) => (None, Some(signal_name(signal)), false),
        Some(Exit::Dumped(signal)) => (None, Some(signal_name(signal)), true),
        None => (None, None, false),
    };
    ResultRecord {
        systemd: result.map(|r| r.word().to_owned()),
        exit_status,
        signal,
        core_dumped,
        ran: facts.ran.map(seconds),
        start: about.start,
        hidden_by_systemd: result.is_some_and(|r| r.word() == "success"),
        gunicorn: about.gunicorn.clone(),
    }
}

fn seconds(ran: Duration) -> f64 {
    (ran.as_secs_f64() * 1000.0).round() / 1000.0
}

fn traceback(facts: &Facts, verdict: &Verdict, r: &Redactor) -> Option<TracebackRecord> {
    let t = verdict.traceback.as_ref()?;
    let frame = t.last_frame(&facts.names.app_dir, &facts.names.venv)?;
    Some(TracebackRecord {
        file: r.text(&frame.file),
        line: frame.line,
        function: r.text(&frame.function),
        exception: r.text(&t.exception),
        message: cut(r.text(&t.message), 0),
        lines: r.lines(&t.lines).into_iter().map(|line| cut(line, 0)).collect(),
    })
}

fn journal(facts: &Facts, r: &Redactor) -> LogRecord {
    let lines = match &facts.journal {
        Fact::Known(lines) => lines,
        Fact::Absent => return note("the journal has no line of this run"),
        Fact::Unknown(why) => return note(why),
    };
    let texts: Vec<&str> = lines.iter().map(|l| l.message.as_str()).collect();
    let clean = r.lines(&texts);
    let rows = lines.iter().zip(clean).map(|(line, text)| LineRecord {
        time: i64::try_from(line.time).ok().and_then(|t| Timestamp::from_microsecond(t).ok()),
        by: r.text(&line.identifier),
        text: cut(text, line.cut),
    });
    bounded(rows.collect(), facts.older)
}

fn error_log(lines: &Fact<Vec<String>>, r: &Redactor) -> LogRecord {
    let lines = match lines {
        Fact::Known(lines) => lines,
        Fact::Absent => return note("there is no error log"),
        Fact::Unknown(why) => return note(why),
    };
    let row = |text| LineRecord { time: None, by: "gunicorn".to_owned(), text: cut(text, 0) };
    bounded(r.lines(lines).into_iter().map(row).collect(), 0)
}

fn note(why: &str) -> LogRecord {
    LogRecord { note: Some(why.to_owned()), ..LogRecord::default() }
}

/// The last lines that fit; `older` were not read.
fn bounded(mut rows: Vec<LineRecord>, older: usize) -> LogRecord {
    let mut room = LOG_BYTES;
    let fit = rows.iter().rev().take_while(|row| {
        let fits = row.text.len() <= room;
        room = room.saturating_sub(row.text.len());
        fits
    });
    let more = rows.len() - fit.count();
    rows.drain(..more);
    LogRecord { lines: rows, left_out: older.saturating_add(more), note: None }
}

/// Long texts keep their begin: it says what, the rest says how often. `gone` bytes behind the text
/// were not kept before.
fn cut(mut text: String, gone: usize) -> String {
    let mut end = text.len().min(LINE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let rest = gone + text.len() - end;
    if rest > 0 {
        text.truncate(end);
        text.push_str(&format!("[+{rest} bytes]"));
    }
    text
}

fn host(facts: &Facts, r: &Redactor) -> HostRecord {
    let disk = |(path, space): &(std::path::PathBuf, Fact<Space>)| {
        let space = space.known()?;
        Some(DiskRecord {
            path: path.display().to_string(),
            used_percent: percent(space.free_bytes, space.total_bytes),
            free: space.free_bytes,
            inodes_used_percent: percent(space.free_inodes, space.total_inodes),
        })
    };
    let listener = |l: &super::facts::Listener| match &l.holder {
        Fact::Known(holder) => {
            Some(ListenerRecord { address: l.address.clone(), holder: Some(r.text(holder)) })
        }
        Fact::Absent => Some(ListenerRecord { address: l.address.clone(), holder: None }),
        Fact::Unknown(_) => None,
    };
    let change = |(what, time): &(String, i64)| {
        let time = Timestamp::from_second(*time).ok()?;
        Some(ChangeRecord { what: r.text(what), time })
    };
    HostRecord {
        disks: facts.host.disks.iter().filter_map(disk).collect(),
        memory_available: facts.host.memory.known().copied(),
        listeners: facts.host.listeners.iter().filter_map(listener).collect(),
        database: facts.host.database.known().map(|(address, reachable)| DatabaseRecord {
            address: r.text(address),
            reachable: *reachable,
        }),
        changed: facts.host.changed.iter().filter_map(change).collect(),
        last_deployment: facts.host.deployed.as_ref().and_then(change),
        last_good_start: facts.host.good_start.and_then(|t| Timestamp::from_second(t).ok()),
    }
}

fn percent(free: u64, total: u64) -> u8 {
    let used = total.saturating_sub(free);
    used.saturating_mul(100).div_ceil(total.max(1)).try_into().unwrap_or(100)
}

#[cfg(test)]
mod tests;
