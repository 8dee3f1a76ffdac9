//! `meats-diagnose unit`: the unit in force, what the generated one would change, and the moves
//! between the two.

use std::io::Write;
use std::path::Path;

use super::adopt::{Proposal, plan_adoption, plan_undo};
use super::consent::agreed;
use super::{observe_service, observe_settings};
use crate::cli::diagnose::Unit;
use crate::config::Config;
use crate::model::{Effect, Origin, Plan, finding};
use crate::report;
use crate::sys::Root;
use crate::sys::apply::{Applied, Outcome, apply};
use crate::sys::ids::Accounts;
use crate::sys::terminal::Terminal;
use crate::unit::{AdminSocket, AdminUnit, Emitted, Line, UnitFacts, UnitFile, compare, plan_unit};

/// Exit status 0; 1 when the administrator's unit differs from the generated one, or what was
/// agreed to could not be done; 4 without root.
///
/// # Errors
/// What was asked for cannot be done here; the text says why.
pub fn main(
    root: &Root,
    asked: &Unit,
    terminal: Terminal,
    out: &mut dyn Write,
) -> Result<u8, String> {
    if asked.adopt {
        return carry_out(root, asked, terminal, &plan_adoption(root)?, out);
    }
    if asked.undo {
        return carry_out(root, asked, terminal, &plan_undo(root)?, out);
    }
    let (config, _, facts) = observe_service(root);
    if let Some(directory) = &asked.export {
        return export(root, asked, directory, &full_units(&without_helpers(config), &facts), out);
    }
    let generated = full_units(&config, &facts);
    let (emitted, findings) = plan_unit(&config, &facts);
    for finding in findings {
        writeln!(out, "# {}", report::one_line(&finding)).ok();
    }
    if asked.generated || facts.admin == AdminUnit::None {
        print(if asked.generated { &generated } else { &emitted }, out);
        return Ok(0);
    }
    Ok(difference(&facts.admin, &emitted, &generated, out))
}

/// What is emitted where the administrator has no unit.
fn full_units(config: &Config, facts: &UnitFacts) -> Vec<Emitted> {
    let alone = UnitFacts {
        admin: AdminUnit::None,
        socket: AdminSocket::None,
        rivals: Vec::new(),
        ..facts.clone()
    };
    plan_unit(config, &alone).0
}

/// Nobody writes credential files or asks the health path where this package is not installed.
fn without_helpers(mut config: Config) -> Config {
    config.credentials.value.clear();
    config.watchdog_interval_sec.value = 0;
    config
}

/// The unit in force, or how the administrator's differs from the generated one.
pub(super) fn in_force(root: &Root, out: &mut dyn Write) {
    let (config, _, facts) = observe_service(root);
    let generated = full_units(&config, &facts);
    let (emitted, _) = plan_unit(&config, &facts);
    if facts.admin == AdminUnit::None {
        print(&emitted, out);
    } else {
        difference(&facts.admin, &emitted, &generated, out);
    }
}

fn print(emitted: &[Emitted], out: &mut dyn Write) {
    for item in emitted {
        match item {
            Emitted::File { path, text } => {
                writeln!(out, "==> {} (generated) <==\n{text}", path.display()).ok();
            }
            Emitted::Link { path, target } => {
                writeln!(out, "==> {} -> {} (generated) <==", path.display(), target.display())
                    .ok();
            }
        }
    }
}

/// The administrator's unit with our drop-in against the generated one.
fn difference(
    admin: &AdminUnit,
    emitted: &[Emitted],
    generated: &[Emitted],
    out: &mut dyn Write,
) -> u8 {
    let path = match admin {
        AdminUnit::Present { path, .. } => path,
        AdminUnit::Masked { path } => {
            writeln!(out, "# masked by {}: nothing is emitted", path.display()).ok();
            return 0;
        }
        // Its finding is printed already.
        AdminUnit::Unreadable { .. } | AdminUnit::None => return 1,
    };
    let mut old = admin.merged().unwrap_or_default();
    emitted.iter().for_each(|e| extend(&mut old, e));
    let mut new = UnitFile::default();
    generated.iter().take(1).for_each(|e| extend(&mut new, e));
    writeln!(out, "--- {} (the administrator's, with our drop-in)", path.display()).ok();
    writeln!(out, "+++ the generated unit (meats-diagnose unit --adopt)").ok();
    let lines = compare(&old, &new);
    let mut differs = false;
    for line in &lines {
        let (sign, text) = match line {
            Line::Section(name) => (' ', format!("[{name}]")),
            Line::Same(text) => (' ', text.clone()),
            Line::Old(text) => ('-', text.clone()),
            Line::New(text) => ('+', text.clone()),
        };
        differs |= sign != ' ';
        writeln!(out, "{sign}{}", report::escape(&text)).ok();
    }
    u8::from(differs)
}

fn extend(unit: &mut UnitFile, emitted: &Emitted) {
    if let Emitted::File { text, .. } = emitted {
        unit.extend(text.as_bytes());
    }
}

/// An absolute directory lies in the tree of `--root`, and nothing is written outside of it.
fn export(
    root: &Root,
    asked: &Unit,
    directory: &Path,
    generated: &[Emitted],
    out: &mut dyn Write,
) -> Result<u8, String> {
    let files = crate::unit::export(generated);
    if asked.dry_run {
        for (path, text) in files {
            writeln!(out, "==> {} <==\n{text}", directory.join(path).display()).ok();
        }
        return Ok(0);
    }
    let opened;
    let (target, below) = if asked.root.is_some() && directory.is_absolute() {
        (root, directory)
    } else {
        let failed = |why| format!("\"{}\": {why}", directory.display());
        opened = Root::open(directory).map_err(failed)?;
        (&opened, Path::new("/"))
    };
    let mut plan = Plan::default();
    for (path, text) in files {
        let path = below.join(path);
        let effect = Effect::Create { path, content: text.into_bytes(), mode: 0o644 };
        plan.push(&finding::SVC_ADOPTED, Origin::Option("--export"), effect);
    }
    for applied in apply(target, &plan) {
        let path = applied.action.effect.path();
        let path = directory.join(path.strip_prefix(below).unwrap_or(&path));
        match applied.outcome {
            Outcome::Done => writeln!(out, "{}", path.display()).ok(),
            Outcome::Failed(why) => return Err(format!("\"{}\": {why}", path.display())),
            Outcome::Skipped => None,
        };
    }
    Ok(0)
}

/// Shows a proposal, asks, does it.
fn carry_out(
    root: &Root,
    asked: &Unit,
    terminal: Terminal,
    proposal: &Proposal,
    out: &mut dyn Write,
) -> Result<u8, String> {
    let accounts = Accounts::observe(root);
    for (number, action) in proposal.plan.actions.iter().enumerate() {
        let text = report::describe_action(&action.effect, &accounts);
        writeln!(out, "{:>3}  {text}", number + 1).ok();
        let Effect::Write { path, content, .. } = &action.effect else { continue };
        if path.extension().is_some_and(|e| e == "conf") {
            let text = String::from_utf8_lossy(content.expose()).into_owned();
            for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
                writeln!(out, "       {}", report::escape(line)).ok();
            }
        }
    }
    for note in &proposal.notes {
        writeln!(out, "     {}", report::escape(note)).ok();
    }
    if asked.dry_run {
        return Ok(0);
    }
    if !root.is_privileged() {
        writeln!(out, "This needs root.").ok();
        return Ok(4);
    }
    if !asked.yes && !agreed(terminal, proposal.plan.actions.len(), out) {
        return Ok(1);
    }
    let applied = apply(root, &proposal.plan);
    Ok(tell(root, &applied, out))
}

fn tell(root: &Root, applied: &[Applied], out: &mut dyn Write) -> u8 {
    let mut failed = false;
    for (number, a) in applied.iter().enumerate() {
        if let Outcome::Failed(why) = &a.outcome {
            failed = true;
            writeln!(out, "{:>3}  FAILED: {}", number + 1, report::escape(why)).ok();
        }
    }
    if failed {
        writeln!(out, "What was done before stands; meats-diagnose unit --undo takes it back.")
            .ok();
        return 1;
    }
    let (config, _) = observe_settings(root);
    writeln!(out, "Done. A running service goes on as it is until:").ok();
    writeln!(out, "    systemctl restart {}", config.service.value).ok();
    0
}
