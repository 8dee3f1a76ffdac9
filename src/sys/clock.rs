//! The clock: the time of a record, and deadlines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Now, in UTC. A clock before 1970 reads as 0.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp { secs: since.as_secs().try_into().unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
}

/// Now, as records have it.
pub fn timestamp() -> jiff::Timestamp {
    let now = now();
    let nanos = i32::try_from(now.nanos).unwrap_or(0);
    jiff::Timestamp::new(now.secs, nanos).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// A moment on the monotonic clock after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left; zero when it has passed.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// True once it has passed.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

/// Elapsed time since the watch was started.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[expect(clippy::new_without_default, reason = "a watch that starts by default would surprise")]
    pub fn new() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits; for polling loops with a [`Deadline`] only.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// A moment of the monotonic clock (microseconds, as systemd prints them) as seconds since the
/// epoch.
pub fn from_monotonic(micros: u64) -> i64 {
    let monotonic = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    let passed =
        monotonic.map_or(0, |now| now.tv_sec() - i64::try_from(micros / 1_000_000).unwrap_or(0));
    now().secs - passed
}

/// Seconds since the epoch as local time with offset: `2026-11-25 09:12:40 +01:00`.
pub fn local_text(secs: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(secs) else { return secs.to_string() };
    let local = time.to_zoned_datetime(jiff::tz::TimeZone::system());
    local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// Seconds since the epoch in UTC as part of a file name: `20261125T023312Z`.
pub fn utc_stamp(secs: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(secs) else { return "00000000T000000Z".to_owned() };
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The time zone of the host, from `/etc/localtime` alone: the variable TZ can come from the env
/// file. UTC when there is none.
pub fn zone(root: &super::Root) -> jiff::tz::TimeZone {
    let file = root.read(std::path::Path::new("/etc/localtime"), 1 << 20);
    let zone = file.known().and_then(|b| jiff::tz::TimeZone::tzif("localtime", b).ok());
    zone.unwrap_or(jiff::tz::TimeZone::UTC)
}

/// The date that a reproducible file has instead of now (`SOURCE_DATE_EPOCH`), in seconds.
pub fn source_date() -> Option<i64> {
    std::env::var("SOURCE_DATE_EPOCH").ok()?.parse().ok().filter(|secs| *secs >= 0)
}
