//! The figures as text, JSON, Markdown, and growth as SVG.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use serde_json::json;

use crate::ground::here;
use crate::row::{Row, Series, number};

/// Prints the table.
pub fn print(rows: &[Row]) {
    let widths = widths(rows);
    for row in rows {
        let [goal, what, figure, bound, verdict] = row.cells();
        println!(
            "{goal:<4} {what:<w1$}  {figure:>w2$}  {bound:<10} {verdict}",
            w1 = widths.0,
            w2 = widths.1
        );
    }
    let missed = rows.iter().filter(|r| r.verdict() == "MISSED").count();
    let met = rows.iter().filter(|r| r.verdict() == "met").count();
    let unknown = rows.iter().filter(|r| r.verdict() == "not measured").count();
    println!("\n{met} met, {missed} missed, {unknown} not measured");
}

/// Writes RESULTS.md, results.json and a plot for each series.
pub fn write(rows: &[Row], about: &[(String, String)]) -> Result<()> {
    fs::write(here("RESULTS.md"), markdown(rows, about))?;
    let values: Vec<_> = rows.iter().map(Row::json).collect();
    let about: serde_json::Map<_, _> = about.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let text = serde_json::to_string_pretty(&json!({ "about": about, "rows": values }))?;
    fs::write(here("results.json"), text + "\n")?;
    // Names have sizes in them that differ from run to run: what an earlier one drew goes.
    let _ = fs::remove_dir_all(here("plots"));
    fs::create_dir_all(here("plots"))?;
    for row in rows {
        if let Some(series) = &row.series {
            let name = format!("plots/{}.svg", file_name(row));
            fs::write(here(&name), svg(&row.what, series))?;
        }
    }
    Ok(())
}

fn widths(rows: &[Row]) -> (usize, usize) {
    let longest = |at: usize| rows.iter().map(|r| r.cells()[at].chars().count()).max().unwrap_or(0);
    (longest(1), longest(2))
}

fn file_name(row: &Row) -> String {
    let word = row.what.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    format!("{}-{}", row.goal, word.take(6).collect::<Vec<_>>().join("-")).to_lowercase()
}

fn markdown(rows: &[Row], about: &[(String, String)]) -> String {
    let mut text =
        "# Results of `make bench`\n\nGenerated; figures of one run on one machine. A ratio \
        has its 95 % interval.\n\n"
            .to_owned();
    for (key, value) in about {
        let _ = writeln!(text, "- {key}: {value}");
    }
    text.push_str(
        "\n| goal | what | figure | bound | verdict |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells().map(|c| c.replace('|', "\\|")).join(" | "));
    }
    text.push_str("\n## Growth\n");
    for row in rows.iter().filter(|row| row.series.is_some()) {
        let _ = write!(text, "\n![{}](plots/{}.svg)\n", row.what, file_name(row));
    }
    text
}

/// Points and the line through them, both axes logarithmic.
fn svg(title: &str, series: &Series) -> String {
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
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {W} {H}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>{title}</title>\n\
         <rect width=\"{W}\" height=\"{H}\" fill=\"#fff\"/>\n<text x=\"{PAD}\" y=\"20\">{title}</text>\n"
    );
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
