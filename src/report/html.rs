//! The report of meats-diagnose as one self-contained HTML page: no script, no request, light and
//! dark, complete in print.

use std::fmt::Write;

use super::markup::{counted, text};
use super::shell_words;
use super::text::{closing, commands, headline};
use super::timeline::{Event, render_timeline};
use crate::checks::{Diagnosis, Placed, Word};

/// What the page says about its making.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    pub service: &'a str,
    pub host: &'a str,
    /// Local time with offset.
    pub time: &'a str,
    /// Root looked.
    pub root: bool,
    /// In the order of time.
    pub events: &'a [Event],
}

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1b1b1b;--bg:#fff;--dim:#555;--line:#ccc;--error:#a40000;\
--warning:#7a4b00;--note:#00518a;--good:#1b5e20;--code:#f2f2f2}\
@media(prefers-color-scheme:dark){:root{--fg:#e8e8e8;--bg:#161616;--dim:#aaa;--line:#444;\
--error:#ff8a80;--warning:#ffcc80;--note:#90caf9;--good:#a5d6a7;--code:#262626}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0 auto;\
max-width:60rem;padding:1rem}\
.error b{color:var(--error)}.warning b{color:var(--warning)}.note b{color:var(--note)}\
.good b{color:var(--good)}\
article{border-left:.3rem solid var(--line);padding-left:1rem;margin:1.5rem 0}\
article.error{border-color:var(--error)}article.warning{border-color:var(--warning)}\
article.note{border-color:var(--note)}\
pre{background:var(--code);padding:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}\
dt{color:var(--dim);font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .75rem .25rem 0;\
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}\
th{overflow-wrap:normal}.w{white-space:nowrap}caption{text-align:left;color:var(--dim)}\
h1,h2,h3,p,li{overflow-wrap:anywhere}\
.timeline{display:block;width:100%;max-width:28rem;margin-bottom:1rem;font-size:13px}.timeline text{fill:var(--fg)}\
.axis{stroke:var(--line)}.start{fill:none;stroke:var(--note);stroke-width:2}\
.failure{fill:none;stroke:var(--error);stroke-width:2}.repair{fill:var(--warning)}\
@media print{:root{--fg:#000;--bg:#fff;--code:#fff}body{max-width:none;padding:0;font-size:11pt}\
p,pre,dl,ul{margin:.4rem 0}article,tr,svg{break-inside:avoid}h2,h3,caption{break-after:avoid}\
pre{border:1px solid #999}\
details>*{display:block}details::details-content{content-visibility:visible}}";

/// The whole page.
pub fn render_html(diagnosis: &Diagnosis, page: &Page<'_>) -> String {
    let mut out = String::new();
    let (service, word) = (text(page.service), diagnosis.word.text());
    let class = match diagnosis.word {
        Word::Healthy => "good",
        Word::Warnings | Word::Incomplete => "warning",
        Word::Broken => "error",
    };
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{service}: {word}</title><style>{STYLE}</style></head>\n<body><main>\n\
         <h1 class=\"{class}\">{service}: <b>{word}</b></h1>\n<p>{}, {}</p>\n",
        text(page.host),
        text(page.time),
    )
    .ok();
    first_step(&mut out, diagnosis, page.root);
    findings(&mut out, diagnosis);
    out.push_str(&render_timeline(page.events));
    not_checked(&mut out, diagnosis);
    passed(&mut out, diagnosis);
    writeln!(
        out,
        "<footer><p>{}</p><p>meats-diagnose {}; values of the env file are never shown</p></footer>\n\
         </main></body></html>",
        text(&closing(diagnosis)),
        env!("CARGO_PKG_VERSION")
    )
    .ok();
    out
}

fn first_step(out: &mut String, diagnosis: &Diagnosis, root: bool) {
    let head = headline(diagnosis);
    if !head.is_empty() {
        writeln!(out, "<p><strong>{}</strong></p>", text(&head)).ok();
    }
    if let Some((_, words)) = super::text::next_words(diagnosis, root) {
        writeln!(out, "<p>Do this first:</p><pre>{}</pre>", text(&shell_words(&words))).ok();
    }
}

fn findings(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.findings.is_empty() {
        return;
    }
    writeln!(out, "<h2>Findings ({})</h2>", diagnosis.findings.len()).ok();
    let mut anchored: Vec<&str> = Vec::new();
    for placed in diagnosis.findings.iter().filter(|p| p.explained_by.is_none()) {
        let first = !anchored.contains(&placed.finding.kind.id);
        anchored.push(placed.finding.kind.id);
        finding(out, placed, diagnosis, first);
    }
}

/// One cause, warning or note; the first of its kind has the anchor and the symptoms.
fn finding(out: &mut String, placed: &Placed, diagnosis: &Diagnosis, first: bool) {
    let f = &placed.finding;
    let anchor = if first { format!(" id=\"{}\"", f.kind.id) } else { String::new() };
    let severity = f.kind.severity.word();
    writeln!(
        out,
        "<article class=\"{severity}\"{anchor}><h3><b>{severity}</b> {} {}</h3><p>{}</p><dl>",
        f.kind.id,
        f.kind.name,
        text(&f.detail)
    )
    .ok();
    if let Some(path) = &f.subject.path {
        let line = f.subject.line.map(|l| format!(":{l}")).unwrap_or_default();
        entry(out, "where", &format!("{}{line}", path.to_string_lossy()));
    }
    for evidence in f.evidence.iter().filter(|e| e.text != f.detail) {
        entry(out, "evidence", &format!("{}: {}", evidence.source, evidence.text));
    }
    entry(out, "why it matters", f.kind.why);
    entry(out, "what to do", f.kind.remedy.lines().next().unwrap_or_default());
    out.push_str("</dl>\n");
    for command in commands(f) {
        writeln!(out, "<pre>{}</pre>", text(&shell_words(&command))).ok();
    }
    let symptoms: Vec<&Placed> = diagnosis.symptoms_of(f.kind.id).collect();
    if first && !symptoms.is_empty() {
        writeln!(
            out,
            "<details open><summary>explains {}</summary><ul>",
            counted(symptoms.len(), "symptom")
        )
        .ok();
        for s in symptoms {
            let s = &s.finding;
            writeln!(out, "<li>{} {}: {}</li>", s.kind.id, s.kind.name, text(&s.detail)).ok();
        }
        out.push_str("</ul></details>\n");
    }
    out.push_str("</article>\n");
}

fn entry(out: &mut String, term: &str, value: &str) {
    writeln!(out, "<dt>{term}</dt><dd>{}</dd>", text(value)).ok();
}

fn not_checked(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.not_checked.is_empty() {
        return;
    }
    writeln!(
        out,
        "<h2>Not checked ({})</h2>\n<table><caption>What is missing</caption>\
         <tr><th scope=\"col\">ids</th><th scope=\"col\">needs</th><th scope=\"col\">because</th></tr>",
        diagnosis.not_checked_count()
    )
    .ok();
    for row in &diagnosis.not_checked {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            row.ids.join(" "),
            text(&row.needs),
            text(&row.reason)
        )
        .ok();
    }
    out.push_str("</table>\n");
}

fn passed(out: &mut String, diagnosis: &Diagnosis) {
    writeln!(
        out,
        "<h2>Passed ({})</h2>\n<details><summary>their ids</summary><p>{}</p></details>",
        diagnosis.passed.len(),
        diagnosis.passed.join(" ")
    )
    .ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Finding, Subject, finding};

    #[test]
    fn nothing_of_the_host_becomes_markup() {
        let hostile = "<script>alert('x')</script>\x1b[2J";
        let f = Finding::new(&finding::LOG_REFUSED, Subject::file(hostile), hostile);
        let diagnosis = Diagnosis {
            word: Word::Broken,
            findings: vec![Placed { finding: f.evidence(hostile, hostile), explained_by: None }],
            not_checked: Vec::new(),
            not_applicable: Vec::new(),
            passed: vec!["LOG-001"],
        };
        let event = Event {
            kind: crate::report::EventKind::Failure,
            secs: 7,
            time: hostile.to_owned(),
            note: hostile.to_owned(),
        };
        let html = render_html(
            &diagnosis,
            &Page { service: "s", host: hostile, time: "now", root: true, events: &[event] },
        );
        assert!(!html.contains("<script") && !html.contains('\x1b'));
        assert!(html.contains("&lt;script&gt;") && html.contains("id=\"LOG-004\""));
        assert!(!html.contains("http://") && !html.contains("https://"));
        assert!(html.ends_with("</html>\n"));
    }
}
