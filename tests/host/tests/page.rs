//! The page of `--html` in a browser: of a host that is really broken and has a history; light and
//! dark, narrow and wide, and printed. The pictures are left in target/page for the eye.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use host::service::{FAILURES, RECOVERY};
use host::{Machine, field, package, recipe, service};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);
const PROBE: &str = include_str!("page/probe.html");
const BROWSER: &str = "chromium-headless-shell --headless --no-sandbox --disable-gpu \
    --disable-quic --no-first-run --disable-background-networking --disable-component-update \
    --disable-sync --hide-scrollbars --allow-file-access-from-files --enable-logging=stderr \
    --user-data-dir=$(mktemp -d)";
/// As Blink counts them.
const SCHEMES: &[(&str, u32)] = &[("dark", 0), ("light", 1)];

/// A host with failures and a repair behind it, which is broken again: its page, and what passed.
fn broken() -> Result<(String, Vec<String>)> {
    let mut machine = Machine::of(&recipe::app())?;
    field::break_host(&machine.root())?;
    machine.boot()?;
    package::install(&machine)?;
    service::await_health(&machine)?;
    machine.ok(&format!("kill -KILL {}", service::main_pid(&machine)?))?;
    machine.wait_for(&format!("ls {FAILURES}/*.json"), RECOVERY)?;
    service::await_health(&machine)?;
    machine.ok("chown root:root /var/log/projectmeats/error.log; meats-diagnose --fix --yes")?;
    let module = "a_module_with_a_name_that_is_longer_than_a_narrow_screen_is_wide".repeat(2);
    machine
        .ok(&format!("echo 'import {module}' >>/opt/projectmeats/backend/projectmeats/wsgi.py"))?;
    machine.run("systemctl restart projectmeats")?;
    machine.wait_for(&format!("grep -l a_module {FAILURES}/*.json"), RECOVERY)?;
    machine.ok("chown root:root /var/log/projectmeats/error.log
                echo 'export EXTRA=a&b' >>/etc/projectmeats/projectmeats.env")?;
    let said = machine.run("meats-diagnose --json --html /root/page.html")?;
    ensure!(said.code == 3, "{said}");
    let report: Value = serde_json::from_str(&said.stdout)?;
    let passed = report.get("passed").and_then(Value::as_array).context("no list of passed")?;
    let passed = passed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let page = fs::read_to_string(machine.root().join("root/page.html"))?;
    machine.finish()?;
    Ok((page, passed))
}

/// The root with the browser, and the directory in it that holds the page.
fn browser(page: &str) -> Result<(Machine, PathBuf)> {
    let machine = Machine::of(&recipe::browser())?;
    let directory = machine.root().join("srv/page");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("page.html"), page)?;
    fs::write(directory.join("probe.html"), PROBE)?;
    Ok((machine, directory))
}

/// Runs the browser on a file; both streams.
fn see(machine: &Machine, options: &str, file: &str) -> Result<String> {
    let script = format!("cd /srv/page; {BROWSER} {options} file:///srv/page/{file}");
    let output = machine.in_image(&script, LIMIT)?;
    ensure!(output.code == 0, "{output}");
    Ok(output.text())
}

/// What the browser's console has to say of the page.
fn complaints(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.contains(":CONSOLE")).collect()
}

/// What is wrong with the page at each width; its background between 0 (black) and 1 (white).
fn measure(machine: &Machine, scheme: u32) -> Result<(Vec<String>, f64)> {
    let options = format!("--blink-settings=preferredColorScheme={scheme} --dump-dom");
    let said = see(machine, &options, "probe.html")?;
    let (_, text) = said.split_once("<body>").context("no body")?;
    let (text, _) = text.split_once("</body>").context("no end of the body")?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let all: Value = serde_json::from_str(&text).with_context(|| said.clone())?;
    let mut wrong = Vec::new();
    let mut background = None;
    for width in ["320", "1280"] {
        let seen = all.get(width).with_context(|| format!("nothing measured: {said}"))?;
        let number = |name: &str| seen.get(name).and_then(Value::as_f64).context("no number");
        ensure!(number("texts")? > 20.0, "the page is empty: {said}");
        if number("scroll")? > 0.0 {
            wrong.push(format!("{width}: wider by {}", number("scroll")?));
        }
        for name in ["faint", "wide"] {
            let list = seen.get(name).and_then(Value::as_array).context("no list")?;
            wrong.extend(list.iter().map(|what| format!("{width}: {name} {what}")));
        }
        background = Some(number("background")?);
    }
    Ok((wrong, background.context("no background")?))
}

#[test]
fn a_page_is_read_on_any_screen_and_on_paper() -> Result<()> {
    let (page, passed) = broken()?;
    service::check_no_secret("the page", &page)?;
    for word in ["<svg", "repair 1:", "CAP-"] {
        ensure!(page.contains(word), "no {word} in the page: {page}");
    }
    let (machine, directory) = browser(&page)?;
    for (name, scheme) in SCHEMES {
        for width in [320, 1280] {
            let options = format!(
                "--blink-settings=preferredColorScheme={scheme} --window-size={width},2400 \
                 --screenshot=/srv/page/{name}-{width}.png"
            );
            let said = see(&machine, &options, "page.html")?;
            ensure!(complaints(&said).is_empty(), "{name} {width}: {said}");
        }
    }
    see(&machine, "--no-pdf-header-footer --print-to-pdf=/srv/page/page.pdf", "page.html")?;
    keep(&directory)?;
    let paper = machine.in_image("pdftotext /srv/page/page.pdf -", LIMIT)?.stdout;
    let missing: Vec<_> = passed.iter().filter(|id| !paper.contains(id.as_str())).collect();
    ensure!(!passed.is_empty() && missing.is_empty(), "not on paper: {missing:?}\n{paper}");
    for (name, scheme) in SCHEMES {
        let (wrong, background) = measure(&machine, *scheme)?;
        ensure!(wrong.is_empty(), "{name}: {wrong:#?}");
        let right = if *name == "dark" { background < 0.05 } else { background > 0.9 };
        ensure!(right, "{name} has a background of {background}");
    }
    // That all this can be seen, a page shows that has every fault.
    let fault = "<img src=\"x\"><p style=\"width:1500px;color:#888;background:#777\">a</p><h2>";
    fs::write(directory.join("page.html"), page.replacen("<h2>", fault, 1))?;
    let (wrong, _) = measure(&machine, 1)?;
    for word in ["320: wider", "1280: wider", "320: faint", "1280: wide "] {
        ensure!(wrong.iter().any(|w| w.starts_with(word)), "{word} is not seen: {wrong:?}");
    }
    let said = see(&machine, "--screenshot=/srv/page/fault.png", "page.html")?;
    ensure!(!complaints(&said).is_empty(), "no complaint is seen: {said}");
    machine.finish()
}

/// Leaves page, pictures and print where a person finds them.
fn keep(directory: &Path) -> Result<()> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/page");
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    Ok(())
}
