//! Figures as SVG.

use std::fmt::Write as _;

use crate::row::{Bound, Row, Series, number};

/// The begin of a picture with its title on top.
fn canvas(title: &str, width: f64, height: f64) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>{title}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"20\">{title}</text>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Every ratio with its interval, and its bound as a line: blue where it is kept, red where not,
/// grey without one. The axis is logarithmic.
pub fn ratios(rows: &[Row]) -> String {
    const W: f64 = 900.0;
    const LINE: f64 = 20.0;
    const TOP: f64 = 40.0;
    const LEFT: f64 = 560.0;
    let rows: Vec<_> = rows.iter().filter_map(|r| Some((r, r.figure?, r.interval?))).collect();
    let bound = |row: &Row| match row.bound {
        Bound::AtMost(bound) | Bound::AtLeast(bound) => Some(bound),
        Bound::None => None,
    };
    let all = rows.iter().flat_map(|(row, _, (low, high))| [Some(*low), Some(*high), bound(row)]);
    let (low, high) =
        all.flatten().fold((1.0_f64, 1.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    let x = |v: f64| LEFT + (v / low).ln() / (high / low).ln() * (W - LEFT - 60.0);
    let bottom = TOP + LINE * rows.len() as f64;
    let mut text = canvas("Times of one by those of the other, and the bound", W, bottom + 12.0);
    for (n, (row, figure, (low, high))) in rows.iter().enumerate() {
        let y = TOP + LINE * n as f64;
        let color = match row.verdict() {
            "met" => "#2563eb",
            "MISSED" => "#dc2626",
            _ => "#6b7280",
        };
        let what = escape(&format!("{} {}", row.goal, row.what));
        let _ = writeln!(
            text,
            "<text x=\"12\" y=\"{:.1}\">{what}</text>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{color}\"/>\
             <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            y + 4.0,
            x(*low),
            x(*high),
            x(*figure),
            W - 50.0,
            y + 4.0,
            number(*figure)
        );
        if let Some(at) = bound(row).map(x) {
            let _ = writeln!(
                text,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#111\"/>",
                y - 7.0,
                y + 7.0
            );
        }
    }
    text + "</svg>\n"
}

/// Points and the line through them, both axes logarithmic.
pub fn growth(title: &str, series: &Series) -> String {
    const W: f64 = 480.0;
    const H: f64 = 280.0;
    const PAD: f64 = 48.0;
    let span = |values: Vec<f64>| {
        let (low, high) =
            values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v.ln()), h.max(v.ln())));
        if high - low < 0.1 { (low - 0.5, high + 0.5) } else { (low, high) }
    };
    let (x0, x1) = span(series.points.iter().map(|p| p.0).collect());
    let (y0, y1) = span(series.points.iter().map(|p| p.1).collect());
    let x = |v: f64| PAD + (v.ln() - x0) / (x1 - x0) * (W - 2.0 * PAD);
    let y = |v: f64| H - PAD - (v.ln() - y0) / (y1 - y0) * (H - 2.0 * PAD);
    let mut text = canvas(title, W, H);
    let line: Vec<String> =
        series.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
    let _ = writeln!(
        text,
        "<polyline fill=\"none\" stroke=\"#2563eb\" points=\"{}\"/>",
        line.join(" ")
    );
    for (size, seconds) in &series.points {
        let (cx, cy) = (x(*size), y(*seconds));
        let _ = writeln!(
            text,
            "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\" fill=\"#2563eb\"/>\
             <text x=\"{cx:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} ms</text>\
             <text x=\"{cx:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            cy - 8.0,
            number(seconds * 1e3),
            H - PAD + 16.0,
            number(*size)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n</svg>",
        W / 2.0,
        H - 12.0,
        series.axis
    );
    text
}
