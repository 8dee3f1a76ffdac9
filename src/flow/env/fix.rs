//! `meats-env fix`: what is safe is done, the rest is listed or asked about.

use std::io::Write;
use std::path::Path;

use super::files::{Input, NO_ENV_FILE, Named, Session};
use super::{Done, FAILED, REFUSED, Stop};
use crate::cli::env::Fix;
use crate::env::mask::{MaskedLines, is_harmless};
use crate::env::{
    Context, Defect, Judgement, Rules, is_secret_key_name, judge, propose, read, set,
};
use crate::flow::{observe_ids, repair};
use crate::model::{Plan, Repair, Secret, finding};
use crate::report;
use crate::sys::ids::Accounts;
use crate::sys::{random, terminal};

pub fn run(session: &Session, asked: &Fix, out: &mut dyn Write, err: &mut dyn Write) -> Done {
    if asked.interactive && !terminal::observe().stdin {
        return Err(Stop::new(FAILED, "nobody can be asked here: standard input is no terminal"));
    }
    let named: Vec<Option<Named>> = match asked.files.is_empty() {
        true => vec![None],
        false => session.expand(&asked.files).into_iter().map(Some).collect(),
    };
    let mut worst = 0;
    for file in &named {
        let done = match file {
            None => fix_file(session, asked, None, out, err),
            Some(Named::File(file)) => fix_file(session, asked, Some(file), out, err),
            Some(Named::Empty(directory)) => {
                let name = report::escape(&directory.display().to_string());
                writeln!(out, "{name}: {NO_ENV_FILE}").ok();
                Ok(0)
            }
            Some(Named::Unseen(directory, why)) => {
                Err(Stop::new(FAILED, format!("{}: {why}", directory.display())))
            }
        };
        let code = match done {
            Ok(code) => code,
            Err(stop) => {
                writeln!(err, "meats-env: {}", report::escape(&stop.text)).ok();
                stop.code
            }
        };
        let order = |code: u8| [0, 1, FAILED, REFUSED].iter().position(|c| *c == code);
        if order(code) > order(worst) {
            worst = code;
        }
    }
    Ok(worst)
}

fn fix_file(
    session: &Session,
    asked: &Fix,
    file: Option<&Path>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Done {
    // A person who thinks holds nobody up: what was changed meanwhile is then not overwritten.
    let input = match asked.dry_run || asked.interactive {
        true => session.read_strictly(file)?,
        false => session.read_to_change(file)?,
    };
    let context = session.context(&input, false);
    let judged = |text: &[u8]| judge(text, &context).defects;
    let judgement = judge(&input.bytes, &context);
    let mut after = judgement.repaired.clone();
    if asked.interactive {
        after = Some(interview(&input, &context, after, out)?);
    }
    let after = after.filter(|text| text.expose() != input.bytes);
    if input.path.is_none() && !asked.dry_run {
        let text = after.as_ref().map_or(input.bytes.as_slice(), Secret::expose);
        out.write_all(text).map_err(|e| Stop::new(FAILED, format!("standard output: {e}")))?;
        return Ok(left(&judged(text), &input.name, err));
    }
    let access = access(session, &input);
    let Some(text) = after else {
        if access.is_idle() {
            writeln!(out, "{}: nothing to repair", report::escape(&input.name)).ok();
        }
        let open = mend_access(session, &input.name, access, asked.dry_run, out)?;
        return Ok(left(&judgement.defects, &input.name, out).max(open));
    };
    let kept = match asked.dry_run {
        true => None,
        false => {
            let first = judgement.applied.first();
            let why = first.map_or(&finding::ENV_UNREADABLE, |d| d.finding.kind);
            Some(session.replace(&input, text.clone(), why)?.unwrap_or_default())
        }
    };
    // Only what happened is told.
    tell(&input, &judgement, &text, asked, out);
    if let Some(id) = kept {
        writeln!(out, "done; the file as it was is backup {id}").ok();
        writeln!(out, "    meats-env restore {id} {}", report::shell_words(&[&input.name])).ok();
        warn_about_journal(&judgement, out);
    }
    // A file that was replaced is another one.
    let access = if asked.dry_run { access } else { self::access(session, &input) };
    let open = mend_access(session, &input.name, access, asked.dry_run, out)?;
    Ok(left(&judged(text.expose()), &input.name, out).max(open))
}

/// What is to be done about owner and mode; those of the service's file only.
fn access(session: &Session, input: &Input) -> Plan {
    let service = session.is_service_file(input.path.as_deref());
    match observe_ids(&session.root, &session.config).filter(|_| service) {
        Some(ids) => repair::plan_access(&session.root, &session.config, ids),
        None => Plan::default(),
    }
}

/// Gives owner and mode back, which root alone can; 1 if that is left to do.
fn mend_access(
    session: &Session,
    name: &str,
    plan: Plan,
    dry_run: bool,
    out: &mut dyn Write,
) -> Done {
    if plan.is_idle() {
        return Ok(0);
    }
    let able = session.root.is_privileged();
    if able && !dry_run {
        session.perform(&plan)?;
    }
    let verb = match (able, dry_run) {
        (false, _) => "left to root",
        (true, true) => "would be repaired",
        (true, false) => "repaired",
    };
    let names = Accounts::observe(&session.root);
    for action in &plan.actions {
        let kind = action.why;
        let what = report::describe_action(&action.effect, &names);
        writeln!(out, "{}: {verb}: {} {}: {what}", report::escape(name), kind.id, kind.name).ok();
    }
    Ok(u8::from(!able))
}

/// What is repaired, and the change with values masked.
fn tell(input: &Input, judgement: &Judgement, after: &Secret, asked: &Fix, out: &mut dyn Write) {
    let verb = if asked.dry_run { "would be repaired" } else { "repaired" };
    for defect in &judgement.applied {
        let line = defect.finding.subject.line.map_or(String::new(), |l| format!(":{l}"));
        let kind = defect.finding.kind;
        let text = format!(
            "{}{line}: {verb}: {} {}: {}",
            input.name, kind.id, kind.name, defect.finding.detail
        );
        writeln!(out, "{}", report::escape(&text)).ok();
    }
    write!(out, "{}", masked_diff(&input.bytes, after.expose())).ok();
}

/// A change, values masked.
pub(super) fn masked_diff(before: &[u8], after: &[u8]) -> String {
    let (shown_before, shown_after) =
        (MaskedLines::new(before).all(), MaskedLines::new(after).all());
    let cut = |text: &[u8]| -> Vec<Vec<u8>> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (raw_before, raw_after) = (cut(before), cut(after));
    report::render_masked_diff(&shown_before, &shown_after, |b, a| {
        raw_before.get(b) == raw_after.get(a)
    })
}

/// Dropped lines were logged with their values at each start.
fn warn_about_journal(judgement: &Judgement, out: &mut dyn Write) {
    let logged = |d: &&Defect| d.finding.kind == &finding::EXPORT_PREFIX;
    let keys: Vec<&str> = judgement
        .applied
        .iter()
        .filter(logged)
        .filter_map(|d| d.finding.subject.key.as_deref())
        .filter(|key| is_secret_key_name(key))
        .collect();
    if !keys.is_empty() {
        let keys = keys.join(", ");
        writeln!(out, "note: systemd logged the old lines with their values; change {keys}").ok();
    }
}

/// Lists what is left and gives the exit status.
fn left(defects: &[Defect], name: &str, out: &mut dyn Write) -> u8 {
    for defect in defects {
        let found = &defect.finding;
        let mut place = name.to_owned();
        for number in [found.subject.line, found.subject.column].into_iter().flatten() {
            place.push_str(&format!(":{number}"));
        }
        let class = match defect.repair() {
            Repair::Automatic => "not repaired",
            Repair::Asks => "needs your decision",
            Repair::ByHand => "for you to change",
            Repair::Refused => "refused",
        };
        let kind = found.kind;
        let text = format!("{place}: {class}: {} {}: {}", kind.id, kind.name, found.detail);
        writeln!(out, "{}", report::escape(&text)).ok();
    }
    if defects.iter().any(|d| d.finding.repair == Repair::Refused) {
        REFUSED
    } else {
        u8::from(!defects.is_empty())
    }
}

/// Asks about one thing after the other; every answer is judged anew.
fn interview(
    input: &Input,
    context: &Context,
    repaired: Option<Secret>,
    out: &mut dyn Write,
) -> Result<Secret, Stop> {
    const MOST: usize = 1000;
    let mut text = repaired.unwrap_or_else(|| Secret::new(input.bytes.clone()));
    let mut declined: Vec<String> = Vec::new();
    for _ in 0..MOST {
        let judged = judge(text.expose(), context);
        // A new secret last: that it is short may come from what is asked before.
        let mut defects: Vec<&Defect> = judged.defects.iter().collect();
        defects.sort_by_key(|defect| defect.proposal.is_empty() && defect.takes_fresh_secret());
        let next = defects.into_iter().find_map(|defect| {
            let tag = format!("{}{:?}", defect.finding.kind.id, defect.finding.subject);
            if declined.contains(&tag) {
                return None;
            }
            offer(text.expose(), defect).map(|(after, what)| (tag, defect, after, what))
        });
        let Some((tag, defect, after, what)) = next else { break };
        let found = &defect.finding;
        let line = found.subject.line.map_or(String::new(), |l| format!(" line {l}:"));
        writeln!(
            out,
            "\n{} {}:{line} {}",
            found.kind.id,
            found.kind.name,
            report::escape(&found.detail)
        )
        .ok();
        writeln!(out, "{}", found.kind.why).ok();
        write!(out, "{}", masked_diff(text.expose(), after.expose())).ok();
        write!(out, "{what} [y/N/q] ").ok();
        out.flush().ok();
        match terminal::read_line().as_deref() {
            Some("y" | "Y" | "yes") => {
                // What became safe by the answer is repaired at once.
                let next = judge(after.expose(), context).repaired;
                text = next.unwrap_or(after);
            }
            Some("q" | "Q") | None => break,
            Some(_) => declined.push(tag),
        }
    }
    Ok(text)
}

/// What can be offered for a defect: its proposal, or a fresh secret.
fn offer(text: &[u8], defect: &Defect) -> Option<(Secret, String)> {
    let asks = matches!(defect.finding.repair, Repair::Asks | Repair::Refused)
        || !defect.proposal.is_empty();
    if !asks {
        return None;
    }
    if let Some(after) = propose(text, defect) {
        let lost = lost_keys(text, after.expose(), defect.finding.subject.key.as_deref());
        let what = match lost.is_empty() {
            true => "Change it like this?".to_owned(),
            false => format!("Change it like this? It changes {} too.", lost.join(", ")),
        };
        return Some((after, what));
    }
    let key = defect.finding.subject.key.as_deref()?;
    if !defect.takes_fresh_secret() {
        return None;
    }
    let secret = random::secret(64).ok()?;
    let after = set(text, key, &secret).ok()?;
    Some((after, format!("Put a new random value into {key}? Every user has to log in again.")))
}

/// Other keys whose value changes, or that vanish, by a proposal.
fn lost_keys(before: &[u8], after: &[u8], but: Option<&str>) -> Vec<String> {
    let after = read(after, Rules::Since254);
    read(before, Rules::Since254)
        .vars
        .into_iter()
        .filter(|var| Some(var.key.as_str()) != but)
        .filter(|var| after.get(&var.key).is_none_or(|new| new.value != var.value))
        .map(|var| match is_harmless(var.key.as_bytes()) {
            true => var.key,
            false => "a key whose name is not shown".to_owned(),
        })
        .collect()
}
