//! The figures as text, JSON, Markdown, and growth as SVG.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use serde_json::json;

use crate::ground::here;
use crate::plot;
use crate::row::Row;

/// The ratios of a run, drawn.
const PEERS: &str = "plots/peers.svg";

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

/// Writes RESULTS.md, results.json, a plot for each series and one of the ratios.
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
            fs::write(here(&name), plot::growth(&row.what, series))?;
        }
    }
    fs::write(here(PEERS), plot::ratios(rows))?;
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
    let _ = write!(text, "\n## Beside the peers\n\n![every ratio and its bound]({PEERS})\n");
    text.push_str("\n## Growth\n");
    for row in rows.iter().filter(|row| row.series.is_some()) {
        let _ = write!(text, "\n![{}](plots/{}.svg)\n", row.what, file_name(row));
    }
    text
}
