//! `meats-deploy docker`: the set of files, and compose that runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::apply::{carry_through, need_root, take_lock};
use super::observe::{Sight, observe};
use super::run::{container_state, word};
use super::{End, PROGRAM};
use crate::cli::deploy::{Docker, DockerDown, DockerInit, DockerLogs, DockerPlace, DockerUp};
use crate::config::Config;
use crate::deploy::docker::{
    ContainerState, DB_ENTRY, Images, RECIPE, Stack, Up, differing, plan_stack, plan_up,
    render_compose, render_env_prod, render_nginx,
};
use crate::deploy::{Verifier, render_steps, scram_verifier};
use crate::env;
use crate::model::{
    Effect, Fact, FileKind, Finding, Origin, Owner, Plan, Secret, Subject, finding,
};
use crate::report::{describe_action, escape, one_line};
use crate::sys::apply::{Outcome, apply};
use crate::sys::exec::{self, Output, Request};
use crate::sys::ids::Accounts;
use crate::sys::{Root, random};

const ROOT: Owner = Owner { uid: 0, gid: 0 };
const FILE_LIMIT: u64 = 16 << 20;
/// Files that compose needs before anything is built.
const FILES: &[&str] = &["compose.yaml", "nginx.conf", "db-entry.sh", "context/Dockerfile"];

/// Runs one of the commands.
pub(super) fn main(root: &Root, asked: &Docker, out: &mut dyn Write) -> Result<End, String> {
    match asked {
        Docker::Init(asked) => init(root, asked, out),
        Docker::Check(place) => check(root, place, out),
        Docker::Up(asked) => up(root, asked, out),
        Docker::Down(asked) => down(root, asked, out),
        Docker::Status(place) => status(root, place, out),
        Docker::Logs(asked) => logs(root, asked, out),
    }
}

/// The directory asked for; else `docker` below app_dir where that is root's alone, else beside the
/// env file.
fn directory(root: &Root, config: &Config, place: &DockerPlace) -> PathBuf {
    let below = config.app_dir.join("docker");
    match &place.dir {
        Some(dir) => dir.clone(),
        None if changeable_by(root, &below).is_none() => below,
        None => config.env_file.parent().unwrap_or(Path::new("/etc")).join("docker"),
    }
}

/// The first part of the path that somebody other than root can change.
pub(super) fn changeable_by(root: &Root, path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .find(|part| match root.stat(part) {
            Fact::Known(stat) => {
                stat.uid != 0 || stat.mode & 0o022 != 0 || stat.kind != FileKind::Directory
            }
            Fact::Absent => false,
            Fact::Unknown(_) => true,
        })
        .map(Path::to_owned)
}

fn not_roots(part: &Path) -> Finding {
    let detail = "it is not a directory that only root can change";
    Finding::new(&finding::DOC_PLACE, Subject::file(part), detail)
}

/// Prints findings; true when one is an error.
fn tell(out: &mut dyn Write, findings: &[Finding]) -> bool {
    for finding in findings {
        writeln!(out, "{:7}  {}", finding.kind.severity.word(), one_line(finding)).ok();
    }
    findings.iter().any(|f| f.kind.severity == crate::model::Severity::Error)
}

/// Writes the set, or says what it would write.
fn init(root: &Root, asked: &DockerInit, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let (stack, mut findings) = match stack_of(&sight, asked) {
        Ok(both) => both,
        Err(finding) => {
            tell(out, &[*finding]);
            return Ok(End::Refused);
        }
    };
    let directory = directory(root, &sight.config, &asked.place);
    findings.extend(changeable_by(root, &directory).map(|part| not_roots(&part)));
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

fn stack_of(sight: &Sight, asked: &DockerInit) -> Result<(Stack, Vec<Finding>), Box<Finding>> {
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
    let images = Images {
        base: asked.base.clone(),
        db: asked.db_image.clone(),
        web: asked.web_image.clone(),
        db_owner: Owner { uid: asked.db_user.0, gid: asked.db_user.1 },
    };
    plan_stack(&sight.config, owner, variables, images, asked.listen)
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
            push(&mut plan, Effect::MakeDir { path, owner: ROOT, mode });
        }
    }
    let mut files = vec![
        ("compose.yaml", Secret::new(render_compose(stack)), ROOT, 0o644),
        ("nginx.conf", Secret::new(render_nginx(stack)), ROOT, 0o644),
        ("db-entry.sh", Secret::new(DB_ENTRY), ROOT, 0o644),
        ("context/Dockerfile", Secret::new(RECIPE), ROOT, 0o644),
        (".env.prod", env_prod, ROOT, 0o600),
    ];
    if let Some(verifier) = verifier(root, directory, stack)? {
        // The owner of the host's file counts inside: a bind mount, not a copy.
        let owner = Owner { uid: 0, gid: stack.images.db_owner.gid };
        files.push(("secrets/db_verifier", Secret::new(verifier.text()), owner, 0o440));
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
    let old = root.read(&directory.join("secrets/db_verifier"), FILE_LIMIT);
    let salt = old.known().and_then(|bytes| Verifier::salt_of(&String::from_utf8_lossy(bytes)));
    let made = scram_verifier(&database.password, salt.unwrap_or_else(random::bytes));
    made.map(Some).ok_or_else(|| {
        let subject = Subject::default().key("DATABASE_URL");
        let detail = "the password in DATABASE_URL is not plain ASCII";
        Box::new(Finding::new(&finding::DOC_PASSWORD, subject, detail))
    })
}

/// Looks whether the set is whole, root's alone, and accepted by compose itself.
fn check(root: &Root, place: &DockerPlace, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let directory = directory(root, &sight.config, place);
    let mut findings = unusable(root, &directory);
    if findings.is_empty() {
        match compose(root) {
            None => findings.push(no_compose()),
            Some(program) => findings.extend(accepted(&program, &sight, &directory, out)?),
        }
    }
    if tell(out, &findings) { Ok(End::Refused) } else { Ok(End::Good) }
}

/// What keeps root from starting the set in this directory.
fn unusable(root: &Root, directory: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        changeable_by(root, directory).map(|part| not_roots(&part)).into_iter().collect();
    for name in FILES {
        let path = directory.join(name);
        if root.stat(&path).is_absent() {
            let detail = "it does not exist";
            findings.push(Finding::new(&finding::DOC_MISSING, Subject::file(path), detail));
        }
    }
    findings
}

fn no_compose() -> Finding {
    let detail = "neither \"docker compose\" nor docker-compose is there";
    Finding::new(&finding::DOC_NO_COMPOSE, Subject::default(), detail)
}

/// Compose, the set, and the host, or what is in the way.
fn ready(root: &Root, place: &DockerPlace) -> Result<(Compose, PathBuf, Sight), Vec<Finding>> {
    let sight = observe(root);
    let directory = directory(root, &sight.config, place);
    let mut findings = unusable(root, &directory);
    match compose(root) {
        Some(program) if findings.is_empty() => Ok((program, directory, sight)),
        Some(_) => Err(findings),
        None => {
            findings.push(no_compose());
            Err(findings)
        }
    }
}

/// Builds and starts the stack.
fn up(root: &Root, asked: &DockerUp, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let (program, directory, mut sight) = match ready(root, &asked.place) {
        Ok(ready) => ready,
        Err(findings) => {
            tell(out, &findings);
            return Ok(End::Refused);
        }
    };
    // Images and address are in the written file; only the values are planned anew.
    let (stack, findings) = match stack_of(&sight, &DockerInit::default()) {
        Ok(both) => both,
        Err(finding) => {
            tell(out, &[*finding]);
            return Ok(End::Refused);
        }
    };
    let code = sight.config.working_directory.value.clone();
    let Some(requirements) = requirements(root, &sight.config) else {
        let detail = "there is no requirements.txt in it or in app_dir";
        tell(out, &[Finding::new(&finding::DEP_SOURCE, Subject::file(code), detail)]);
        return Ok(End::Refused);
    };
    let steps = plan_up(&Up {
        compose: program.argv(&directory, &sight.config),
        project: stack.project,
        directory,
        code,
        requirements,
        python: stack.venv.join("bin/python").display().to_string(),
        database: stack.database.is_some(),
        health_path: stack.health_path,
        findings,
        seconds: asked.timeout,
    });
    if asked.dry_run {
        write!(out, "{}", render_steps(&steps)).map_err(|e| e.to_string())?;
        return Ok(End::Good);
    }
    let _lock = take_lock(root)?;
    sight.assessed.clear();
    sight.packages.clear();
    sight.facts.variables = Fact::Known(stack.variables);
    carry_through(root, &sight, &steps, &format!("docker up, {}", program.name), out)
}

fn requirements(root: &Root, config: &Config) -> Option<PathBuf> {
    let code = &config.working_directory.value;
    let above = code.parent().unwrap_or(code);
    let places = [above.join("requirements.txt"), code.join("requirements.txt")];
    places.into_iter().find(|path| root.stat(path).known().is_some())
}

/// Stops the stack and removes its containers; volumes stay.
fn down(root: &Root, asked: &DockerDown, out: &mut dyn Write) -> Result<End, String> {
    let mut words = vec!["down"];
    if asked.keep_containers {
        words = vec!["stop"];
    }
    pass_on(root, &asked.place, &words, out)
}

/// State of every service; good when all are healthy.
fn status(root: &Root, place: &DockerPlace, out: &mut dyn Write) -> Result<End, String> {
    need_root(root)?;
    let sight = observe(root);
    let directory = directory(root, &sight.config, place);
    let Fact::Known(file) = root.read(&directory.join("compose.yaml"), FILE_LIMIT) else {
        tell(out, &unusable(root, &directory));
        return Ok(End::Refused);
    };
    let has_database = String::from_utf8_lossy(&file).lines().any(|line| line == "  db:");
    let mut all = true;
    for service in ["db", "app", "web"] {
        if service == "db" && !has_database {
            continue;
        }
        let state = container_state(&sight.config.service, service)?;
        all &= state == Some(ContainerState::Healthy);
        writeln!(out, "{service:4}  {}", word(state)).map_err(|e| e.to_string())?;
    }
    Ok(if all { End::Good } else { End::Refused })
}

/// The last lines of the containers' output.
fn logs(root: &Root, asked: &DockerLogs, out: &mut dyn Write) -> Result<End, String> {
    let tail = format!("--tail={}", asked.lines);
    let mut words = vec!["logs", "--no-color", &tail];
    words.extend(asked.service.as_deref());
    pass_on(root, &asked.place, &words, out)
}

/// Runs compose and passes its output on, masked.
fn pass_on(
    root: &Root,
    place: &DockerPlace,
    words: &[&str],
    out: &mut dyn Write,
) -> Result<End, String> {
    need_root(root)?;
    let (program, directory, sight) = match ready(root, place) {
        Ok(ready) => ready,
        Err(findings) => {
            tell(out, &findings);
            return Ok(End::Refused);
        }
    };
    let request = program.request(&directory, &sight.config, words);
    let output = exec::run(&request.deadline(Duration::from_secs(300)))?;
    for bytes in [&output.stdout, &output.stderr] {
        for line in sight.mask.text(bytes).lines() {
            writeln!(out, "{}", escape(line)).map_err(|e| e.to_string())?;
        }
    }
    Ok(if output.success() { End::Good } else { End::Refused })
}

fn accepted(
    program: &Compose,
    sight: &Sight,
    directory: &Path,
    out: &mut dyn Write,
) -> Result<Option<Finding>, String> {
    let output = exec::run(&program.request(directory, &sight.config, &["config", "-q"]))?;
    if output.success() {
        let path = directory.join("compose.yaml");
        writeln!(out, "ok       {} accepts {}", program.name, path.display()).ok();
        return Ok(None);
    }
    let detail = format!("{}: {}", program.name, sight.mask.text(output.describe().as_bytes()));
    let subject = Subject::file(directory.join("compose.yaml"));
    Ok(Some(Finding::new(&finding::DOC_REJECTED, subject, detail)))
}

/// The compose of this host.
#[derive(Clone, Debug)]
struct Compose {
    words: Vec<String>,
    /// Its own version line.
    name: String,
}

/// The plugin before the program of its own: Debian 12 has only the latter, 1.29.
fn compose(root: &Root) -> Option<Compose> {
    const CANDIDATES: &[&[&str]] = &[&["/usr/bin/docker", "compose"], &["/usr/bin/docker-compose"]];
    CANDIDATES.iter().find_map(|words| {
        let program = words.first()?;
        root.stat(Path::new(program)).known()?;
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let mut ask = words.clone();
        ask.push("version".to_owned());
        let output = exec::run(&Request::new(&ask).deadline(Duration::from_secs(20))).ok()?;
        output.success().then(|| Compose { words, name: first_line(&output) })
    })
}

fn first_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

impl Compose {
    /// Compose for the set in `directory`.
    fn argv(&self, directory: &Path, config: &Config) -> Vec<String> {
        let file = directory.join("compose.yaml").display().to_string();
        let mut argv = self.words.clone();
        argv.extend(["-p", config.service.as_str(), "-f", &file].map(str::to_owned));
        argv
    }

    /// Compose with these words, without any variable of the stack.
    fn request(&self, directory: &Path, config: &Config, words: &[&str]) -> Request {
        let mut argv = self.argv(directory, config);
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        Request::new(&argv)
            .directory(directory)
            .env("HOME", "/root")
            .deadline(Duration::from_secs(60))
    }
}
