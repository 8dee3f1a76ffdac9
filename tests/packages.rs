//! Broken environments, laid out in a directory that plays `/`, and what the checks say of each.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the test lays out the root that it looks at"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use meats::checks::packages::{Context, PackageFacts, check, unseen};
use meats::flow::venv;
use meats::model::{Fact, Finding};
use meats::python::Platform;
use meats::sys::Root;

const VENV: &str = "/opt/projectmeats/venv";
const REQUIREMENTS: &str = "/opt/projectmeats/backend/requirements.txt";

/// A small root with a healthy environment.
struct Host {
    dir: tempfile::TempDir,
    context: Context,
    deep: bool,
}

impl Host {
    fn healthy() -> Self {
        let context = Context {
            user: "projectmeats".to_owned(),
            runs_as: None,
            requirement_files: vec![PathBuf::from(REQUIREMENTS)],
            guarded: true,
            serving: false,
            postgres: true,
            libpq: Fact::Absent,
            zoneinfo: Fact::Known(()),
            platform: Platform::default(),
        };
        let host =
            Self { dir: tempfile::tempdir().expect("temporary directory"), context, deep: false };
        host.write("/usr/bin/python3.11", "");
        host.link("/usr/bin/python3", "python3.11");
        host.write(
            &format!("{VENV}/pyvenv.cfg"),
            "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n",
        );
        host.link(&format!("{VENV}/bin/python3"), "/usr/bin/python3");
        host.link(&format!("{VENV}/lib64"), "lib");
        host.script("/opt/projectmeats/venv/bin/python3");
        for (name, version, module, requires) in [
            ("pip", "23.0.1", "pip", ""),
            ("gunicorn", "23.0.0", "gunicorn", "packaging"),
            ("packaging", "24.0", "packaging", ""),
            ("Django", "4.2.7", "django", "sqlparse>=0.3.1"),
            ("sqlparse", "0.5.0", "sqlparse", ""),
            ("djangorestframework", "3.14.0", "rest_framework", "django>=3.0"),
            ("psycopg", "3.2.9", "psycopg", "psycopg-binary==3.2.9; extra == 'binary'"),
            ("psycopg-binary", "3.2.9", "psycopg_binary", ""),
        ] {
            host.install(name, version, module, requires);
        }
        host.write(
            REQUIREMENTS,
            "Django==4.2.7\ndjangorestframework==3.14.0\npsycopg[binary]==3.2.9\ngunicorn==23.0.0\n\
             pywin32==306; sys_platform == 'win32'\n",
        );
        host
    }

    fn real(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    fn site(&self, path: &str) -> String {
        format!("{VENV}/lib/python3.11/site-packages/{path}")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.real(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(path, text).expect("file");
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.real(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::remove_file(&path).ok();
        symlink(target, path).expect("link");
    }

    fn remove(&self, path: &str) {
        let path = self.real(path);
        if path.is_symlink() || path.is_file() {
            fs::remove_file(path).expect("file");
        } else {
            fs::remove_dir_all(path).expect("directory");
        }
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.real(path), fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn script(&self, interpreter: &str) {
        let path = format!("{VENV}/bin/gunicorn");
        self.write(&path, &format!("#!{interpreter}\nimport sys\n"));
        self.chmod(&path, 0o755);
    }

    fn install(&self, name: &str, version: &str, module: &str, requires: &str) {
        let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
        let requires = match requires {
            "" => String::new(),
            text => format!("Requires-Dist: {text}\n"),
        };
        self.write(
            &self.site(&format!("{info}/METADATA")),
            &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\nText\n"),
        );
        let record =
            format!("{module}/__init__.py,sha256=x,0\n{info}/METADATA,,\n{info}/RECORD,,\n");
        self.write(&self.site(&format!("{info}/RECORD")), &record);
        self.write(&self.site(&format!("{module}/__init__.py")), "");
    }

    fn look(&self) -> (Vec<Finding>, Vec<String>) {
        let root = Root::open(self.dir.path()).expect("root");
        let venv = Path::new(VENV);
        let environment = venv::observe(&root, venv, &venv.join("bin/gunicorn"), self.deep);
        let requirements = venv::observe_requirements(&root, &self.context.requirement_files);
        let facts = PackageFacts {
            environment: &environment,
            requirements: &requirements,
            context: &self.context,
        };
        (check(facts), unseen(facts))
    }

    fn check(&self, expected: &[&str]) -> Vec<Finding> {
        let (found, unseen) = self.look();
        let ids: Vec<_> = found.iter().map(|finding| finding.kind.id).collect();
        assert_eq!(ids, expected, "{found:#?}");
        assert_eq!(unseen, Vec::<String>::new());
        found
    }
}

/// Breaks a healthy host and compares the ids, in order.
fn broken(expected: &[&str], wreck: impl Fn(&mut Host)) -> Vec<Finding> {
    let mut host = Host::healthy();
    wreck(&mut host);
    host.check(expected)
}

#[test]
fn a_healthy_environment_is_not_reported() {
    Host::healthy().check(&[]);
    let mut deep = Host::healthy();
    deep.deep = true;
    deep.check(&[]);
}

#[test]
fn healthy_but_unusual_environments_are_not_reported() {
    // SQLite needs no driver.
    broken(&[], |host| {
        host.context.postgres = false;
        host.remove(&host.site("psycopg"));
        host.remove(&host.site("psycopg-3.2.9.dist-info"));
        host.write(REQUIREMENTS, "Django==4.2.7\n");
    });
    // The older driver, by another distribution's name.
    broken(&[], |host| {
        host.remove(&host.site("psycopg"));
        host.remove(&host.site("psycopg-3.2.9.dist-info"));
        host.install("psycopg2-binary", "2.9.9", "psycopg2", "");
        host.write(REQUIREMENTS, "");
    });
    // psycopg with the system's library.
    broken(&[], |host| {
        host.context.libpq = Fact::Known(());
        host.remove(&host.site("psycopg_binary"));
        host.remove(&host.site("psycopg_binary-3.2.9.dist-info"));
        host.write(REQUIREMENTS, "psycopg==3.2.9\n");
    });
    // conda: an interpreter of its own and no pyvenv.cfg.
    broken(&[], |host| {
        host.remove(&format!("{VENV}/pyvenv.cfg"));
        host.remove(&format!("{VENV}/bin/python3"));
        host.write(&format!("{VENV}/bin/python3.11"), "");
        host.link(&format!("{VENV}/bin/python3"), "python3.11");
    });
    // The two-line script for long paths, and one started through env.
    broken(&[], |host| {
        host.script(&format!("/bin/sh\n'''exec' \"{VENV}/bin/python3\" \"$0\" \"$@\"\n' '''"));
    });
    broken(&[], |host| host.script("/usr/bin/env python3"));
    // An environment reached through a link, as releases are.
    broken(&[], |host| {
        host.link("/opt/projectmeats/keep", "x");
        fs::rename(host.real(VENV), host.real("/opt/projectmeats/venv-7")).expect("rename");
        host.link(VENV, "venv-7");
    });
    // gunicorn of the field with the setuptools of Debian 12.
    broken(&[], |host| {
        host.remove(&host.site("gunicorn-23.0.0.dist-info"));
        host.install("gunicorn", "20.0.4", "gunicorn", "setuptools>=3.0");
        host.install("setuptools", "66.1.1", "pkg_resources", "");
        host.write(REQUIREMENTS, "gunicorn==20.0.4\n");
    });
}

#[test]
fn system_packages_count_when_the_environment_sees_them() {
    let take_django = |host: &Host| {
        let moved = "/usr/lib/python3/dist-packages";
        fs::create_dir_all(host.real(moved)).expect("directory");
        for name in ["django", "Django-4.2.7.dist-info"] {
            let to = host.real(&format!("{moved}/{name}"));
            fs::rename(host.real(&host.site(name)), to).expect("rename");
        }
    };
    broken(&["PKG-010"], |host| take_django(host));
    broken(&[], |host| {
        take_django(host);
        host.write(
            &format!("{VENV}/pyvenv.cfg"),
            "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n",
        );
    });
}

#[test]
fn editable_installs_count() {
    let asks = |host: &Host| host.write(REQUIREMENTS, "Our.App==1.0\n");
    // pip and setuptools of today.
    broken(&[], |host| {
        host.write(&host.site("our_app-1.0.dist-info/METADATA"), "Name: our_app\nVersion: 1.0\n");
        host.write(&host.site("our_app-1.0.dist-info/RECORD"), "__editable__.our_app-1.0.pth,,\n");
        host.write(&host.site("__editable__.our_app-1.0.pth"), "/src/our\n");
        asks(host);
    });
    // setup.py develop.
    broken(&[], |host| {
        host.write(&host.site("our-app.egg-link"), "/src/our\n.\n");
        host.write(&host.site("easy-install.pth"), "/src/our\n");
        host.write("/src/our/our_app.egg-info/PKG-INFO", "Name: our-app\nVersion: 1.0\n");
        asks(host);
    });
}

#[test]
fn the_environment_is_missing() {
    let found = broken(&["PKG-001"], |host| host.remove(VENV));
    assert_eq!(
        found[0].commands.iter().map(|c| c.join(" ")).collect::<Vec<_>>(),
        [
            "install -d -o projectmeats /opt/projectmeats/venv".to_owned(),
            "runuser -u projectmeats -- python3 -m venv --clear /opt/projectmeats/venv".to_owned(),
            format!(
                "runuser -u projectmeats -- {VENV}/bin/python3 -m pip install -r {REQUIREMENTS}"
            ),
        ]
    );
}

#[test]
fn the_interpreter_is_gone() {
    broken(&["PKG-002"], |host| host.remove("/usr/bin/python3.11"));
    broken(&["PKG-002"], |host| {
        host.remove(&format!("{VENV}/bin/python3"));
        host.script("/usr/bin/python3");
    });
}

#[test]
fn python_was_upgraded() {
    let upgrade = |host: &Host| {
        host.write("/usr/bin/python3.13", "");
        host.link("/usr/bin/python3", "python3.13");
    };
    let found = broken(&["PKG-003"], |host| upgrade(host));
    assert_eq!(found[0].detail, "8 packages are installed for Python 3.11, but Python 3.13 runs");
    // `venv --upgrade` makes the new directory, with pip at most.
    broken(&["PKG-003"], |host| {
        upgrade(host);
        host.write(&format!("{VENV}/lib/python3.13/site-packages/pip/__init__.py"), "");
    });
}

#[test]
fn pyvenv_cfg_is_missing() {
    broken(&["PKG-004"], |host| host.remove(&format!("{VENV}/pyvenv.cfg")));
}

#[test]
fn the_three_texts_of_203_exec() {
    let found = broken(&["PKG-005"], |host| host.remove(&format!("{VENV}/bin/gunicorn")));
    assert!(found[0].detail.contains("although gunicorn 23.0.0 is installed"));
    broken(&["PKG-005"], |host| {
        host.remove(&format!("{VENV}/bin/gunicorn"));
        host.remove(&host.site("gunicorn-23.0.0.dist-info"));
        host.write(REQUIREMENTS, "");
    });
    let found = broken(&["PKG-006"], |host| host.script("/home/dev/venv/bin/python3"));
    assert_eq!(found[0].evidence[0].text, "#!/home/dev/venv/bin/python3");
    broken(&["PKG-025"], |host| host.script("/usr/bin/python3"));
    broken(&["PKG-025"], |host| host.write(&format!("{VENV}/bin/gunicorn"), ""));
    broken(&["PKG-007"], |host| host.chmod(&format!("{VENV}/bin/gunicorn"), 0o644));
    broken(&["PKG-007"], |host| {
        host.chmod(&format!("{VENV}/bin/gunicorn"), 0o744);
        host.context.runs_as = Some(meats::model::Owner { uid: 999_999, gid: 999_999 });
    });
}

#[test]
fn old_gunicorns() {
    let replace = |host: &Host, version: &str| {
        host.remove(&host.site("gunicorn-23.0.0.dist-info"));
        host.install("gunicorn", version, "gunicorn", "");
        host.write(REQUIREMENTS, &format!("gunicorn=={version}\n"));
    };
    let found = broken(&["PKG-008"], |host| replace(host, "20.1.0"));
    assert!(found[0].detail.contains("setuptools is not installed"));
    let found = broken(&["PKG-008"], |host| {
        replace(host, "20.0.4");
        host.install("setuptools", "84.0.0", "setuptools", "");
    });
    assert!(found[0].detail.contains("setuptools 84.0.0 no longer has it"));
    broken(&["PKG-009"], |host| {
        replace(host, "19.9.0");
        host.install("setuptools", "66.1.1", "pkg_resources", "");
    });
}

#[test]
fn requirements_and_what_is_installed() {
    let found = broken(&["PKG-010", "PKG-011"], |host| {
        host.write(REQUIREMENTS, "-r more.txt\nDjango==4.2.8\nnot-here==1\n");
        host.write("/opt/projectmeats/backend/more.txt", "psycopg[binary,pool]==3.2.9\n");
        let metadata =
            "Name: psycopg\nVersion: 3.2.9\nRequires-Dist: psycopg-pool; extra == 'pool'\n";
        host.write(&host.site("psycopg-3.2.9.dist-info/METADATA"), metadata);
    });
    let texts: Vec<_> = found.iter().flat_map(|f| &f.evidence).map(|e| e.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            format!("{REQUIREMENTS}:3 asks for ==1").as_str(),
            "/opt/projectmeats/backend/more.txt:1 asks for any version through psycopg[binary,pool]",
            format!("{REQUIREMENTS}:2 asks for ==4.2.8; 4.2.7 is installed").as_str(),
        ]
    );
    // The service does without it.
    broken(&["PKG-023"], |host| {
        host.context.serving = true;
        host.write(REQUIREMENTS, "not-here==1\n");
    });
    // A constraint limits what is installed and asks for nothing.
    broken(&["PKG-011"], |host| {
        host.write(REQUIREMENTS, "-c limits.txt\n");
        host.write("/opt/projectmeats/backend/limits.txt", "django<4\nnot-here==1\n");
    });
    broken(&["PKG-021"], |host| host.write(REQUIREMENTS, "Django==4.2.7\n=======\n"));
    broken(&["PKG-021"], |host| host.remove(REQUIREMENTS));
    broken(&["PKG-022"], |host| host.write(REQUIREMENTS, "Django>=4.2\n"));
}

#[test]
fn installed_distributions_in_conflict() {
    let found = broken(&["PKG-012"], |host| {
        host.remove(&host.site("sqlparse-0.5.0.dist-info"));
        host.install("sqlparse", "0.2.0", "sqlparse", "");
    });
    assert_eq!(found[0].evidence[0].text, "needs sqlparse >=0.3.1, but 0.2.0 is installed");
}

#[test]
fn files_and_metadata_that_do_not_belong_together() {
    broken(&["PKG-013"], |host| host.remove(&host.site("rest_framework")));
    // The directory remains, its files do not: pip and import are content.
    broken(&["PKG-013"], |host| host.remove(&host.site("rest_framework/__init__.py")));
    broken(&["PKG-014"], |host| {
        host.write(&host.site("odd-1.0.dist-info/RECORD"), "odd.py,,\n");
    });
    broken(&["PKG-015"], |host| {
        host.write(&host.site("Django-3.2.dist-info/METADATA"), "Name: Django\nVersion: 3.2\n");
    });
    broken(&["PKG-016"], |host| host.write(&host.site("~jango/__init__.py"), ""));
    broken(&["PKG-017"], |host| {
        let so = "django/speed.cpython-310-x86_64-linux-gnu.so";
        host.write(
            &host.site("Django-4.2.7.dist-info/RECORD"),
            &format!("django/__init__.py,,\n{so},,\n"),
        );
    });
}

#[test]
fn database_driver_and_time_zones() {
    let without = |host: &Host, module: &str, info: &str| {
        host.remove(&host.site(module));
        host.remove(&host.site(info));
        host.write(REQUIREMENTS, "");
    };
    broken(&["PKG-018"], |host| without(host, "psycopg", "psycopg-3.2.9.dist-info"));
    broken(&["PKG-019"], |host| without(host, "psycopg_binary", "psycopg_binary-3.2.9.dist-info"));
    // psycopg 3 is of no use to a Django that does not know it.
    broken(&["PKG-018"], |host| {
        without(host, "django", "Django-4.2.7.dist-info");
        host.install("Django", "3.2.25", "django", "");
    });
    broken(&["PKG-020"], |host| host.context.zoneinfo = Fact::Absent);
    broken(&[], |host| {
        host.context.zoneinfo = Fact::Absent;
        host.install("tzdata", "2024.1", "tzdata", "");
    });
}

#[test]
fn what_cannot_be_read_is_not_called_missing() {
    let host = Host::healthy();
    host.remove(&host.site("Django-4.2.7.dist-info/METADATA"));
    // A directory, a link that leads out and a FIFO where a file should be.
    host.link(&host.site("Django-4.2.7.dist-info/METADATA"), "/etc/passwd");
    host.remove(&host.site("sqlparse-0.5.0.dist-info/METADATA"));
    nix::unistd::mkfifo(
        &host.real(&host.site("sqlparse-0.5.0.dist-info/METADATA")),
        nix::sys::stat::Mode::from_bits_truncate(0o644),
    )
    .expect("fifo");
    let (found, unseen) = host.look();
    assert_eq!(found, [], "{found:#?}");
    assert_eq!(unseen.len(), 2, "{unseen:?}");
}

/// Root runs nothing of an environment that somebody else can put another one in the place of.
#[test]
fn roots_environment_in_a_place_of_the_users_is_given_away_first() {
    for guarded in [true, false] {
        let found = broken(&["PKG-010"], |host| {
            host.context.guarded = guarded;
            host.write(REQUIREMENTS, "not-installed==1\n");
        });
        let commands: Vec<_> = found[0].commands.iter().map(|c| c.join(" ")).collect();
        let pip = format!("{VENV}/bin/python3 -m pip install -r {REQUIREMENTS}");
        let expected = match guarded {
            true => vec![pip],
            false => vec![
                format!("chown -hR projectmeats: {VENV}"),
                format!("runuser -u projectmeats -- {pip}"),
            ],
        };
        assert_eq!(commands, expected);
    }
}

/// Names that the service user can choose are shown, but never in a command that root pastes.
#[test]
fn commands_hold_no_name_of_the_environment() {
    let host = Host::healthy();
    host.install("evil-name", "1", "evil_name", "wanted-by-evil");
    host.remove(&host.site("evil_name"));
    host.write(&host.site("~evil-name/x"), "");
    host.write(&host.site("evil_name-2.dist-info/METADATA"), "Name: evil-name\nVersion: 2\n");
    host.write(&host.site("x\u{1b}[31mevil-1.dist-info/METADATA"), "Name: evil-name\nVersion: 3\n");
    host.write(REQUIREMENTS, "evil-name==9\n");
    let (found, _) = host.look();
    assert!(found.len() >= 3, "{found:#?}");
    for finding in &found {
        assert!(!format!("{:?}", finding.commands).contains("evil"), "{finding:#?}");
        assert!(!format!("{finding:?}").contains("\\u{1b}"), "{finding:#?}");
    }
}
