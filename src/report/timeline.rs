//! Starts, failures and repairs over time, as SVG and as the same table.
//!
//! Shapes tell the kinds apart, colour only helps. No script, no link to anywhere.

use std::fmt::Write;

use super::markup::{counted, text};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Start,
    Failure,
    Repair,
}

/// One mark of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: EventKind,
    /// Seconds since the epoch.
    pub secs: i64,
    /// The same as local time.
    pub time: String,
    pub note: String,
}

impl EventKind {
    const ALL: [Self; 3] = [Self::Start, Self::Failure, Self::Repair];

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Failure => "failure",
            Self::Repair => "repair",
        }
    }

    /// The middle of its lane.
    fn y(self) -> i64 {
        match self {
            Self::Start => 18,
            Self::Failure => 46,
            Self::Repair => 74,
        }
    }
}

/// Left and right end of the axis.
const LEFT: i64 = 66;
const RIGHT: i64 = 346;
const DAY: i64 = 24 * 3600;
/// Rows of the table.
const ROWS: usize = 50;

/// The section; empty without an event. `events` are in the order of time.
pub fn render_timeline(events: &[Event]) -> String {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return String::new() };
    let mut out = format!("<h2 id=\"history\">History ({})</h2>\n", events.len());
    let count =
        |kind: EventKind| counted(events.iter().filter(|e| e.kind == kind).count(), kind.word());
    let summary = format!(
        "{}, {} and {} from {} to {}",
        count(EventKind::Start),
        count(EventKind::Failure),
        count(EventKind::Repair),
        first.time,
        last.time
    );
    writeln!(
        out,
        "<svg class=\"timeline\" viewBox=\"0 0 360 112\" role=\"img\" aria-labelledby=\"tl-t tl-d\">\
         <title id=\"tl-t\">Starts, failures and repairs over time</title>\
         <desc id=\"tl-d\">{}; the table below lists them</desc>",
        text(&summary)
    )
    .ok();
    for kind in EventKind::ALL {
        let y = kind.y();
        writeln!(out, "<text x=\"4\" y=\"{}\">{}s</text>", y + 4, kind.word()).ok();
        writeln!(out, "<path class=\"axis\" d=\"M{LEFT} {y}H{RIGHT}\"/>").ok();
    }
    for event in events {
        mark(&mut out, event, place(event.secs, first.secs, last.secs));
    }
    // In less than a day the date says nothing, and seconds may.
    let shown = |time| if last.secs - first.secs < DAY { clock(time) } else { minute(time) };
    writeln!(out, "<text x=\"{LEFT}\" y=\"104\">{}</text>", text(shown(&first.time))).ok();
    if last.secs > first.secs {
        let end = text(shown(&last.time));
        writeln!(out, "<text x=\"{RIGHT}\" y=\"104\" text-anchor=\"end\">{end}</text>").ok();
    }
    out.push_str("</svg>\n");
    table(&mut out, events);
    out
}

/// Date and minute of a local time with offset.
fn minute(time: &str) -> &str {
    time.get(..16).unwrap_or(time)
}

/// Hour, minute and second of it.
fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

fn place(secs: i64, from: i64, to: i64) -> i64 {
    let span = to.saturating_sub(from).max(1);
    LEFT + (RIGHT - LEFT).saturating_mul(secs.saturating_sub(from)) / span
}

fn mark(out: &mut String, event: &Event, x: i64) {
    let (y, word) = (event.kind.y(), event.kind.word());
    let title = text(&format!("{} {}", event.time, event.note));
    match event.kind {
        EventKind::Start => {
            write!(out, "<circle class=\"{word}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"><title>{title}</title></circle>")
        }
        EventKind::Failure => write!(
            out,
            "<path class=\"{word}\" d=\"M{} {}l10 10m0 -10l-10 10\"><title>{title}</title></path>",
            x - 5,
            y - 5
        ),
        EventKind::Repair => write!(
            out,
            "<rect class=\"{word}\" x=\"{}\" y=\"{}\" width=\"10\" height=\"10\"><title>{title}</title></rect>",
            x - 5,
            y - 5
        ),
    }
    .ok();
    out.push('\n');
}

fn table(out: &mut String, events: &[Event]) {
    let shown = events.len().min(ROWS);
    let caption = match shown == events.len() {
        true => "The newest first".to_owned(),
        false => format!("The newest {shown} of {}", events.len()),
    };
    writeln!(
        out,
        "<table><caption>{caption}</caption><tr><th scope=\"col\">time</th>\
         <th scope=\"col\">what</th><th scope=\"col\">details</th></tr>"
    )
    .ok();
    for event in events.iter().rev().take(ROWS) {
        writeln!(
            out,
            "<tr><td>{}</td><td class=\"w\">{}</td><td>{}</td></tr>",
            text(&event.time),
            event.kind.word(),
            text(&event.note)
        )
        .ok();
    }
    out.push_str("</table>\n");
}
