//! `docker init`: the set of files, written or shown.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{directory, not_roots, refused, tell};
use crate::cli::deploy::{BASE, DEFAULT_LISTEN, DockerInit, WEB_IMAGE, uid_gid};
use crate::deploy::docker::{
    DB_ENTRY, Images, RECIPE, Stack, differing, listens, plan_stack, render_compose,
    render_env_prod, render_nginx, render_swarm, written,
};
use crate::deploy::{Verifier, scram_verifier};
use crate::env;
use crate::flow::deploy::end::{End, PROGRAM};
use crate::flow::deploy::guard::{need_root, take_lock};
use crate::flow::deploy::observe::{Sight, observe};
use crate::flow::docker_set::{self, FILE_LIMIT};
use crate::model::{Effect, Fact, Finding, Origin, Owner, Plan, Secret, Subject, finding};
use crate::report::describe_action;
use crate::sys::apply::{Outcome, apply};
use crate::sys::ids::Accounts;
use crate::sys::{Root, random};

/// The verifier of the role, below the directory of the set.
const VERIFIER: &str = "secrets/db_verifier";

/// Writes the set, or says what it would write.
pub(super) fn init(root: &Root, asked: &DockerInit, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let (stack, mut findings) = match stack_of(root, &sight, asked) {
        Ok(both) => both,
        Err(finding) => return refused(out, &[*finding]),
    };
    let directory = directory(root, &sight.config, &asked.place);
    findings.extend(root.changeable_by(&directory).map(|part| not_roots(&part)));
    let (env_prod, left_out) = env_prod(&stack);
    findings.extend(left_out);
    let plan = match plan_files(root, &directory, &stack, env_prod) {
        Ok(plan) => plan,
        Err(finding) => {
            findings.push(*finding);
            Plan::default()
        }
    };
    if tell(out, &findings) {
        writeln!(out, "Nothing was written. exit 1").ok();
        return Ok(End::Refused);
    }
    write_plan(root, &plan, asked.dry_run, &directory, out)
}

fn write_plan(
    root: &Root,
    plan: &Plan,
    dry_run: bool,
    directory: &Path,
    out: &mut dyn Write,
) -> Result<End, String> {
    let names = Accounts::observe(root);
    if dry_run {
        for action in &plan.actions {
            writeln!(out, "would  {}", describe_action(&action.effect, &names)).ok();
        }
        return Ok(End::Good);
    }
    let _lock = take_lock(root)?;
    for applied in apply(root, plan) {
        let text = describe_action(&applied.action.effect, &names);
        match applied.outcome {
            Outcome::Done => writeln!(out, "done   {text}").ok(),
            Outcome::Failed(why) => return Err(format!("{text}: {why}")),
            Outcome::Skipped => None,
        };
    }
    let place = directory.display();
    writeln!(out, "The set is in {place}. Next: {PROGRAM} docker check --dir {place}").ok();
    Ok(End::Good)
}

pub(super) fn stack_of(
    root: &Root,
    sight: &Sight,
    asked: &DockerInit,
) -> Result<(Stack, Vec<Finding>), Box<Finding>> {
    let env_file = || Subject::file(&sight.config.env_file.value);
    let variables = match &sight.facts.variables {
        Fact::Known(variables) => variables,
        Fact::Absent => {
            return Err(Box::new(Finding::new(
                &finding::ENV_MISSING,
                env_file(),
                "it does not exist",
            )));
        }
        Fact::Unknown(why) => {
            return Err(Box::new(Finding::new(&finding::ENV_UNREADABLE, env_file(), why.clone())));
        }
    };
    let Some(owner) = sight.facts.service else {
        let detail = "the user or the group of the service does not exist";
        return Err(Box::new(Finding::new(&finding::SVC_USER_MISSING, Subject::default(), detail)));
    };
    // What was chosen once stays, unless something else is asked for.
    let set = docker_set::compose_file(root, &directory(root, &sight.config, &asked.place));
    let chosen = |asked: &Option<String>, service, key| {
        asked.clone().or_else(|| Some(written(set.as_deref()?, service, key)?.to_owned()))
    };
    let user = set.as_deref().and_then(|set| uid_gid(written(set, "db", "user")?).ok());
    let (uid, gid) = asked.db_user.or(user).unwrap_or((999, 999));
    let images = Images {
        base: chosen(&asked.base, "app", "BASE").unwrap_or_else(|| BASE.to_owned()),
        db: chosen(&asked.db_image, "db", "image").unwrap_or_else(|| db_image(root)),
        web: chosen(&asked.web_image, "web", "image").unwrap_or_else(|| WEB_IMAGE.to_owned()),
        db_owner: Owner { uid, gid },
    };
    let listen = set.as_deref().and_then(|set| listens(set)?.parse().ok());
    let listen = asked.listen.or(listen).unwrap_or(DEFAULT_LISTEN);
    plan_stack(&sight.config, owner, variables, images, listen)
}

/// Why the written set does not fit the env file any more.
pub(super) fn stale(root: &Root, directory: &Path, stack: &Stack) -> Option<Finding> {
    let file = docker_set::compose_file(root, directory)?;
    let missing = |name: &&String| !file.contains(&format!("\n      - {name}\n"));
    let (name, detail) = match stack.variables.iter().map(|(name, _)| name).find(missing) {
        Some(key) => ("compose.yaml", format!("{key} is not in it")),
        None => {
            let made = verifier(root, directory, stack).ok()??;
            let kept = root.read(&directory.join(VERIFIER), FILE_LIMIT);
            let named = stack.database.as_ref().is_some_and(|database| {
                let is = |key, value: &str| written(&file, "db", key) == Some(value);
                is("DB_ROLE", &database.role) && is("DB_NAME", &database.name)
            });
            let same = kept.known().is_some_and(|kept| kept == made.text().as_bytes());
            if named && same {
                return None;
            }
            (VERIFIER, "role, database or password are others than DATABASE_URL has".to_owned())
        }
    };
    Some(Finding::new(&finding::DOC_STALE, Subject::file(directory.join(name)), detail))
}

/// The major version of the host: a database does not go back to an older one.
fn db_image(root: &Root) -> String {
    const MOST: usize = 100;
    let versions = root.list(Path::new("/usr/lib/postgresql"), MOST);
    let newest = versions.known().and_then(|listing| {
        listing.names.iter().filter_map(|name| name.to_str()?.parse::<u32>().ok()).max()
    });
    format!("postgres:{}-bookworm", newest.unwrap_or(15))
}

/// The text of `.env.prod`, and a finding for every key that it leaves out.
fn env_prod(stack: &Stack) -> (Secret, Vec<Finding>) {
    let (mut entries, mut left_out, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in &stack.variables {
        match (differing(value.expose()), env::encode(value.expose())) {
            (None, Some(encoded)) => entries.push((name.clone(), Secret::new(encoded))),
            (who, _) => {
                left_out.push(name.clone());
                let who = who.unwrap_or("every compose");
                let detail =
                    format!("{name}: {who} would read another value; .env.prod leaves it out");
                let subject = Subject::default().key(name);
                found.push(Finding::new(&finding::DOC_KEY_DIFFERS, subject, detail));
            }
        }
    }
    (render_env_prod(&stack.project, &entries, &left_out), found)
}

/// What is missing or different in the directory.
fn plan_files(
    root: &Root,
    directory: &Path,
    stack: &Stack,
    env_prod: Secret,
) -> Result<Plan, Box<Finding>> {
    let mut plan = Plan::default();
    let mut dirs = missing_parents(root, directory);
    dirs.push((directory.to_owned(), 0o755));
    for name in ["context", "context/wheels", "secrets"] {
        dirs.push((directory.join(name), if name == "secrets" { 0o750 } else { 0o755 }));
    }
    for (path, mode) in dirs {
        if root.stat(&path).is_absent() {
            push(&mut plan, Effect::MakeDir { path, owner: Owner::ROOT, mode });
        }
    }
    let mut files = vec![
        ("nginx.conf", Secret::new(render_nginx(stack)), Owner::ROOT, 0o644),
        ("db-entry.sh", Secret::new(DB_ENTRY), Owner::ROOT, 0o644),
        ("context/Dockerfile", Secret::new(RECIPE), Owner::ROOT, 0o644),
        (".env.prod", env_prod, Owner::ROOT, 0o600),
    ];
    let verifier = verifier(root, directory, stack)?;
    let text = verifier.as_ref().map(Verifier::text);
    let (compose, swarm) = (render_compose(stack, text), render_swarm(stack, text));
    files.push(("compose.yaml", Secret::new(compose), Owner::ROOT, 0o644));
    files.push(("stack.yaml", Secret::new(swarm), Owner::ROOT, 0o644));
    if let Some(verifier) = verifier {
        // The owner of the host's file counts inside: a bind mount, not a copy.
        let owner = Owner { uid: 0, gid: stack.images.db_owner.gid };
        files.push((VERIFIER, Secret::new(verifier.text()), owner, 0o440));
    }
    for (name, content, owner, mode) in files {
        let path = directory.join(name);
        let same = root.read(&path, FILE_LIMIT).known().is_some_and(|old| old == content.expose());
        if !same {
            push(&mut plan, Effect::Write { path, content, owner, mode });
        }
    }
    Ok(plan)
}

fn push(plan: &mut Plan, effect: Effect) {
    plan.push(&finding::DOC_MISSING, Origin::Default, effect);
}

fn missing_parents(root: &Root, directory: &Path) -> Vec<(PathBuf, u32)> {
    let above = directory.ancestors().skip(1).take_while(|p| root.stat(p).is_absent());
    let mut missing: Vec<_> = above.map(|p| (p.to_owned(), 0o755)).collect();
    missing.reverse();
    missing
}

/// The verifier of the role; with the salt of the one that is there, so that the same password
/// gives the same file.
fn verifier(
    root: &Root,
    directory: &Path,
    stack: &Stack,
) -> Result<Option<Verifier>, Box<Finding>> {
    let Some(database) = &stack.database else { return Ok(None) };
    let old = root.read(&directory.join(VERIFIER), FILE_LIMIT);
    let salt = old.known().and_then(|bytes| Verifier::salt_of(&String::from_utf8_lossy(bytes)));
    let made = scram_verifier(&database.password, salt.unwrap_or_else(random::bytes));
    made.map(Some).ok_or_else(|| {
        let subject = Subject::default().key("DATABASE_URL");
        let detail = "the password in DATABASE_URL is not plain ASCII";
        Box::new(Finding::new(&finding::DOC_PASSWORD, subject, detail))
    })
}
