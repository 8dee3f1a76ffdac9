//! Observes what the unit planner needs: a look per fact, cheap enough for PID 1 to wait for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::{Fact, FileKind, Origin, plain_path};
use crate::sys::ids::Accounts;
use crate::sys::{Root, process};
use crate::unit::{AdminSocket, AdminUnit, DROP_IN, DropIn, EnvFile, Program, UnitFacts};

/// Directories of units, strongest first (systemd.unit(5)); generators' own are not among them.
pub const UNIT_DIRS: &[&str] = &[
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// Where administrators put units.
const OWN_DIRS: &[&str] = &["/etc/systemd/system", "/usr/local/lib/systemd/system"];

/// Most bytes of one unit file or drop-in.
const UNIT_LIMIT: u64 = 1 << 20;

/// What systemd starts at boot by name.
pub fn enabled(root: &Root) -> Vec<OsString> {
    root.names(Path::new("/etc/systemd/system/multi-user.target.wants"))
}

/// The facts about units of the administrator's that have been looked at, and what is around them.
pub fn observe_around(
    root: &Root,
    config: &Config,
    (admin, socket): (AdminUnit, AdminSocket),
    enabled: &[OsString],
) -> UnitFacts {
    let full = admin == AdminUnit::None;
    let accounts = Accounts::observe(root);
    UnitFacts {
        systemd: systemd_version(root),
        socket,
        rivals: rivals(root, config, enabled, full),
        env_files: env_files(root, config, &admin),
        gunicorn: gunicorn_version(root, &config.venv),
        program: program(root, config),
        user_exists: accounts.find_user(&config.user).is_some(),
        group_exists: config.own_group || accounts.find_gid(&config.group).is_some(),
        admin,
    }
}

/// The version is part of the name of systemd's private library; no child process is needed.
pub fn systemd_version(root: &Root) -> Fact<u32> {
    const DIRS: &[&str] = &[
        "/usr/lib/x86_64-linux-gnu/systemd",
        "/usr/lib/aarch64-linux-gnu/systemd",
        "/usr/lib/systemd",
    ];
    let version = |name: &OsString| {
        let rest = name.to_str()?.strip_prefix("libsystemd-shared-")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let found = DIRS.iter().find_map(|dir| root.names(Path::new(dir)).iter().find_map(version));
    found.map_or_else(
        || Fact::Unknown("no libsystemd-shared library was found".to_owned()),
        Fact::Known,
    )
}

/// `NAME@.service` of an instance's name.
fn template_of(unit: &str) -> Option<String> {
    let (name, instance) = unit.split_once('@')?;
    let (_, suffix) = instance.rsplit_once('.')?;
    Some(format!("{name}@.{suffix}"))
}

/// Where a unit may be, strongest first: by its own name, then as the template of an instance.
fn places(unit: &str) -> impl Iterator<Item = PathBuf> {
    let names = std::iter::once(unit.to_owned()).chain(template_of(unit));
    names.flat_map(|name| UNIT_DIRS.iter().map(move |dir| Path::new(dir).join(&name)))
}

/// The administrator's unit by its own name wherever it is, else the template of an instance
/// (systemd.unit(5)), with the drop-ins that systemd applies before ours; and all of his drop-ins.
pub fn observe_admin(
    root: &Root,
    config: &Config,
    enabled: &[OsString],
) -> (AdminUnit, Vec<DropIn>) {
    let unit = config.unit();
    for path in places(&unit) {
        match at(root, &path) {
            Found::Nothing => {}
            Found::Masked => return (AdminUnit::Masked { path }, Vec::new()),
            Found::Unit { bytes, linked } => {
                let real = if linked { real_names(root, &path) } else { Vec::new() };
                let bytes = of_instance(bytes, &unit);
                let mut all = drop_ins(root, &[real, vec![unit.clone()]].concat());
                for drop_in in &mut all {
                    drop_in.bytes = of_instance(std::mem::take(&mut drop_in.bytes), &unit);
                }
                let first = |d: &DropIn| d.path.file_name() < Some(OsStr::new(DROP_IN));
                let (drop_ins, later) = all.iter().cloned().partition(first);
                return (AdminUnit::Present { path, bytes, drop_ins, later }, all);
            }
            Found::Unreadable(why) => {
                return (AdminUnit::Unreadable { path, why }, Vec::new());
            }
        }
    }
    (not_mounted(root, &unit, enabled), Vec::new())
}

/// What lies at the place of a unit.
enum Found {
    Nothing,
    Masked,
    Unit { bytes: Vec<u8>, linked: bool },
    Unreadable(String),
}

fn at(root: &Root, path: &Path) -> Found {
    let linked = match root.kind(path, false) {
        Fact::Absent => return Found::Nothing,
        Fact::Unknown(why) => return Found::Unreadable(why),
        Fact::Known(kind) => kind == FileKind::Symlink,
    };
    let target = if linked { leads_to(root, path) } else { None };
    if target.as_deref() == Some(Path::new("/dev/null")) {
        return Found::Masked;
    }
    match root.read(path, UNIT_LIMIT) {
        Fact::Known(bytes) if bytes.is_empty() => Found::Masked,
        Fact::Known(bytes) => Found::Unit { bytes, linked },
        // A link that leads nowhere. One to the same name in another unit directory is passed over
        // by systemd; with any other it finds no unit, ours neither.
        Fact::Absent
            if target.is_some_and(|t| is_unit(&t) && t.file_name() == path.file_name()) =>
        {
            Found::Nothing
        }
        Fact::Absent => {
            let why = "it is a link that leads nowhere, and hides every other unit of its name";
            Found::Unreadable(why.to_owned())
        }
        Fact::Unknown(why) => Found::Unreadable(why),
    }
}

/// Where a link points, however it is spelled.
fn leads_to(root: &Root, link: &Path) -> Option<PathBuf> {
    let path = plain_path(&link.parent()?.join(root.link_target(link).known()?));
    // systemctl of Debian 12 writes /lib, which is a link.
    Some(path.strip_prefix("/lib").map_or(path.clone(), |rest| Path::new("/usr/lib").join(rest)))
}

/// A place in a directory of units.
fn is_unit(path: &Path) -> bool {
    path.parent().is_some_and(|dir| UNIT_DIRS.iter().any(|d| dir == Path::new(d)))
}

/// The names of which that of a link in a unit directory is an alias, the unit's own first. A link to
/// a file elsewhere makes no alias (systemd.unit(5)).
pub(super) fn real_names(root: &Root, link: &Path) -> Vec<String> {
    const MOST: usize = 8;
    let steps = std::iter::successors(leads_to(root, link), |path| leads_to(root, path));
    let others =
        steps.take(MOST).filter(|path| is_unit(path) && path.file_name() != link.file_name());
    let names = others.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.reverse();
    names
}

/// The names of the service's unit; under the first of them systemd runs it.
pub fn names(root: &Root, unit: &str) -> Vec<String> {
    let there = places(unit).find(|path| root.kind(path, false).known().is_some());
    let mut names = there.map(|path| real_names(root, &path)).unwrap_or_default();
    names.retain(|name| !name.contains("@."));
    names.push(unit.to_owned());
    names
}

/// The processes of the service but ourselves, under whichever of its names systemd runs it.
pub fn processes(root: &Root, config: &Config) -> impl Iterator<Item = u32> {
    let names = names(root, &config.unit()).into_iter();
    names.flat_map(move |unit| process::of_unit(root, &unit))
}

/// The text of a template, or of a drop-in, as systemd reads it for this unit: `%i`, and `%I` where it
/// is the same (systemd.unit(5)).
fn of_instance(bytes: Vec<u8>, unit: &str) -> Vec<u8> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let Some((_, instance)) = stem.split_once('@') else { return bytes };
    let text = String::from_utf8_lossy(&bytes);
    let resolve = |part: &str| {
        let part = part.replace("%i", instance);
        if instance.contains('-') { part } else { part.replace("%I", instance) }
    };
    let parts: Vec<String> = text.split("%%").map(resolve).collect();
    parts.join("%%").into_bytes()
}

/// At early boot a unit below /usr/local cannot be seen where that is a file system of its own; the
/// link that enables it can.
fn not_mounted(root: &Root, unit: &str, enabled: &[OsString]) -> AdminUnit {
    const LOCAL: &str = "/usr/local/lib/systemd/system";
    if !enabled.iter().any(|name| name == unit) {
        return AdminUnit::None;
    }
    let link = Path::new("/etc/systemd/system/multi-user.target.wants").join(unit);
    match root.link_target(&link) {
        Fact::Known(path)
            if path.starts_with(LOCAL) && root.kind(Path::new(LOCAL), true).is_absent() =>
        {
            let why = "it is enabled, but its directory is not there (not mounted yet?)";
            AdminUnit::Unreadable { path, why: why.to_owned() }
        }
        _ => AdminUnit::None,
    }
}

/// The administrator's socket unit of the service's name with its drop-ins, for a service that systemd
/// can start.
pub fn observe_socket(root: &Root, config: &Config, admin: &AdminUnit) -> AdminSocket {
    let starts = matches!(admin, AdminUnit::None | AdminUnit::Present { .. });
    if !starts || !config.activation.value {
        return AdminSocket::None;
    }
    let unit = config.socket_unit();
    for path in places(&unit) {
        match at(root, &path) {
            Found::Nothing => {}
            Found::Masked | Found::Unreadable(_) => return AdminSocket::Masked { path },
            Found::Unit { mut bytes, .. } => {
                for drop_in in drop_ins(root, std::slice::from_ref(&unit)) {
                    bytes.push(b'\n');
                    bytes.extend(drop_in.bytes);
                }
                return AdminSocket::Present { path, bytes: of_instance(bytes, &unit) };
            }
        }
    }
    AdminSocket::None
}

/// Enabled units that are the same service: by name, or, where nobody set anything, one of the
/// administrator's that starts the very program.
fn rivals(root: &Root, config: &Config, enabled: &[OsString], full: bool) -> Vec<String> {
    let name = &config.service.value;
    let untold = full && config.entries.iter().all(|entry| entry.origin == Origin::Default);
    let program = config.venv.join("bin/gunicorn").display().to_string();
    let starts = |bytes: &Vec<u8>| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().any(|line| line.starts_with("ExecStart=") && line.contains(&program))
    };
    let same = |unit: &str| {
        let mut places = OWN_DIRS.iter().map(|dir| Path::new(dir).join(unit));
        untold && places.any(|path| root.system_file(&path, UNIT_LIMIT).known().is_some_and(starts))
    };
    let rival = |unit: &&str| {
        **unit == format!("{name}-socket.service")
            || unit.starts_with(&format!("{name}@")) && unit.ends_with(".service")
            || unit.ends_with(".service") && **unit != config.unit() && same(unit)
    };
    enabled.iter().filter_map(|unit| unit.to_str()).filter(rival).map(str::to_owned).collect()
}

/// Directories of drop-ins for a unit of these names, the most specific first (systemd.unit(5)): its
/// own, its template's, those of its name cut at dashes, those of its type.
fn drop_in_dirs(names: &[String]) -> Vec<String> {
    let mut dirs = Vec::new();
    let mut of_type = None;
    for unit in names {
        dirs.push(format!("{unit}.d"));
        dirs.extend(template_of(unit).map(|template| format!("{template}.d")));
        let (stem, suffix) = unit.rsplit_once('.').unwrap_or((unit, "service"));
        let stem = stem.split('@').next().unwrap_or(stem);
        let mut dashes: Vec<usize> = stem.match_indices('-').map(|(at, _)| at).collect();
        dashes.reverse();
        let cut = |at: usize| stem.get(..=at).filter(|c| *c != stem);
        dirs.extend(dashes.into_iter().filter_map(cut).map(|c| format!("{c}.{suffix}.d")));
        of_type = Some(format!("{suffix}.d"));
    }
    dirs.extend(of_type);
    dirs
}

/// The administrator's drop-ins in the order in which systemd applies them: by name, whatever the
/// directory; of equal names the most specific and strongest directory's. Ours is not among them.
fn drop_ins(root: &Root, names: &[String]) -> Vec<DropIn> {
    let mut found: Vec<(OsString, PathBuf)> = Vec::new();
    for below in drop_in_dirs(names) {
        for dir in UNIT_DIRS {
            let dir = Path::new(dir).join(&below);
            for name in root.names(&dir) {
                let conf = name.as_encoded_bytes().ends_with(b".conf");
                if conf && name != DROP_IN && !found.iter().any(|(n, _)| *n == name) {
                    found.push((name.clone(), dir.join(name)));
                }
            }
        }
    }
    found.sort();
    let read = |(_, path): (_, PathBuf)| match root.read(&path, UNIT_LIMIT) {
        Fact::Known(bytes) => Some(DropIn { path, bytes }),
        Fact::Absent | Fact::Unknown(_) => None,
    };
    found.into_iter().filter_map(read).collect()
}

/// The configured env file, and those that the administrator's unit names in plain words.
fn env_files(root: &Root, config: &Config, admin: &AdminUnit) -> Vec<EnvFile> {
    let mut paths = vec![config.env_file.value.clone()];
    let unit = admin.merged().unwrap_or_default();
    let named = unit.list("Service", "EnvironmentFile").into_iter();
    let plain = named
        .map(|file| file.trim_start_matches('-'))
        .filter(|file| file.starts_with('/') && !file.contains(['%', '*', '?', '[']));
    paths.extend(plain.map(PathBuf::from));
    paths.dedup();
    let look = |path: PathBuf| {
        let kind = root.kind(&path, false);
        let behind = match kind {
            Fact::Known(FileKind::Symlink) => root.kind(&path, true),
            _ => kind.clone(),
        };
        EnvFile { path, kind, behind }
    };
    paths.into_iter().map(look).collect()
}

/// From the name of gunicorn's metadata directory. PID 1 waits for this, and the service user may
/// have filled `lib`: only the first few names that Python itself gives are looked into.
pub fn gunicorn_version(root: &Root, venv: &Path) -> Fact<(u32, u32)> {
    const PYTHONS: usize = 4;
    let lib = venv.join("lib");
    let version = |name: &OsString| {
        let version = name.to_str()?.strip_prefix("gunicorn-")?.strip_suffix(".dist-info")?;
        let mut parts = version.split('.').map(|p| p.parse().ok());
        Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
    };
    let pythons = root.names(&lib).into_iter();
    let pythons = pythons.filter(|name| name.as_encoded_bytes().starts_with(b"python3."));
    let pythons = pythons.take(PYTHONS).map(|python| lib.join(python).join("site-packages"));
    let found = pythons.into_iter().find_map(|dir| root.names(&dir).iter().find_map(version));
    found.map_or(Fact::Absent, Fact::Known)
}

/// gunicorn, and if it is not there, whether something above it is only not mounted yet.
fn program(root: &Root, config: &Config) -> Program {
    let path = config.venv.join("bin/gunicorn");
    if root.kind(&path, false).known().is_some() {
        return Program::There;
    }
    let table = match root.system_file(Path::new("/etc/fstab"), UNIT_LIMIT) {
        Fact::Known(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Fact::Absent | Fact::Unknown(_) => String::new(),
    };
    let in_table = |dir: &Path| {
        table
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .any(|line| line.split_whitespace().nth(1).is_some_and(|point| Path::new(point) == dir))
    };
    let in_unit = |dir: &Path| {
        let unit = mount_unit(dir);
        root.kind(&Path::new("/etc/systemd/system").join(&unit), true).known().is_some()
    };
    let above = path.ancestors().skip(1).filter(|dir| dir.components().count() > 1);
    above
        .into_iter()
        .find(|dir| in_table(dir) || in_unit(dir))
        .map_or(Program::Missing, |dir| Program::BelowMount(dir.to_owned()))
}

/// The name of the unit that mounts a directory, for plain paths (systemd-escape(1)).
fn mount_unit(dir: &Path) -> String {
    let mut name = String::new();
    for c in dir.to_string_lossy().trim_matches('/').chars() {
        match c {
            '/' => name.push('-'),
            '-' => name.push_str("\\x2d"),
            c => name.push(c),
        }
    }
    name + ".mount"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_in_directories() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["a.service"], &["a.service.d", "service.d"]),
            (
                &["a-b-c.service"],
                &["a-b-c.service.d", "a-b-.service.d", "a-.service.d", "service.d"],
            ),
            (&["a@x.service"], &["a@x.service.d", "a@.service.d", "service.d"]),
            (&["real.service", "a.service"], &["real.service.d", "a.service.d", "service.d"]),
        ];
        for (names, expected) in cases {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(drop_in_dirs(&names), *expected, "{names:?}");
        }
    }

    #[test]
    fn a_template_names_its_instance() {
        for (unit, text, expected) in [
            ("web@meats.service", "User=%i %I %%i %%%i", "User=meats meats %%i %%meats"),
            ("web@a-b.service", "User=%i %I", "User=a-b %I"),
            ("web.service", "User=%i", "User=%i"),
        ] {
            let read = of_instance(text.as_bytes().to_vec(), unit);
            assert_eq!(String::from_utf8_lossy(&read), expected);
        }
    }

    #[test]
    fn names_of_mount_units() {
        assert_eq!(mount_unit(Path::new("/opt")), "opt.mount");
        assert_eq!(mount_unit(Path::new("/opt/my-app")), "opt-my\\x2dapp.mount");
    }
}
