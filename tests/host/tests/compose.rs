//! The Docker set as compose itself reads it: 1.29 of Debian 12 and 2.26 of Debian 13.

use anyhow::{Result, ensure};
use host::recipe::{self, Recipe};
use host::{Machine, package};

/// Names and values as systemd reads them; the env file is written from them by meats-env.
const VALUES: &[(&str, &str)] = &[
    ("SECRET_KEY", "q$x(very)&long#secret-key-0123456789-abcdefghijkl"),
    ("DATABASE_URL", "postgres://meats:hunter2%24pass@127.0.0.1:5432/meats"),
    ("ALLOWED_HOSTS", "meats.example,127.0.0.1"),
    ("DOLLAR", "a$b $$ $(x)"),
    ("BRACES", "a${B}c"),
    ("APOSTROPHE", "it's"),
    ("APOSTROPHE_DOLLAR", "it's $5"),
    ("BACKTICK", "`x`"),
    ("BOTH_TICKS", "it's `x`"),
    ("BACKSLASH", "C:\\dir"),
    ("BACKSLASHES", "two\\\\b"),
    ("BACKSLASH_END", "end\\"),
    ("QUOTED", "\"both\""),
    ("HASH", "x #y"),
    ("BLANKS", "  at both ends  "),
    ("JSON", "{\"a\": [1, \"b\"]}"),
    ("YAML", "null"),
    ("EMPTY", ""),
    ("LETTERS", "\u{fc}\u{4e2d}"),
    ("LINES", "a\nb"),
];

/// Those that `.env.prod` leaves out, because one of the two reads them differently.
const LEFT_OUT: &[&str] =
    &["APOSTROPHE_DOLLAR", "BACKSLASHES", "BACKSLASH_END", "BOTH_TICKS", "BRACES"];

/// Prints NAME and value of the application's variables, each ended by NUL, as compose has them.
const READ: &str = r#"
import json, sys
text = sys.stdin.read()
try:
    stack = json.loads(text)
except ValueError:
    import yaml
    stack = yaml.safe_load(text)
for name, value in sorted(stack["services"]["app"]["environment"].items()):
    value = "" if value is None else str(value).replace("$$", "$")
    sys.stdout.write(name + "\0" + value + "\0")
"#;

/// systemd's double quotes: four characters have a backslash before them.
fn env_file() -> String {
    let line = |(name, value): &(&str, &str)| {
        let escaped: String = value
            .chars()
            .flat_map(|c| "\"\\$`".contains(c).then_some('\\').into_iter().chain([c]))
            .collect();
        format!("{name}=\"{escaped}\"\n")
    };
    VALUES.iter().map(line).collect()
}

fn check(recipe: &Recipe, config: &str) -> Result<()> {
    let mut machine = Machine::of(recipe)?;
    machine.boot()?;
    package::upload(&machine)?;
    machine.ok(&format!("dpkg --install {}", package::INSIDE))?;
    machine.put("/etc/projectmeats/projectmeats.env", env_file().as_bytes(), 0o640)?;
    let account = machine.ok("meats-deploy docker init")?;
    for name in LEFT_OUT {
        ensure!(account.contains(&format!(": {name}: ")), "{name} is not named:\n{account}");
    }
    ensure!(!account.contains("hunter2"), "a password is shown");
    let again = machine.ok("meats-deploy docker init")?;
    ensure!(!again.contains("done "), "the second run wrote:\n{again}");
    machine.ok("meats-deploy docker check")?;
    machine.put("/root/read.py", READ.as_bytes(), 0o644)?;
    let place = "cd /etc/projectmeats/docker 2>/dev/null || cd /opt/projectmeats/docker";
    let text = machine.ok(&format!("{place}; {config} | python3 /root/read.py"))?;
    let read: Vec<&str> = text.split('\0').collect();
    let value = |name: &str| {
        read.chunks(2)
            .find(|pair| pair.first() == Some(&name))
            .and_then(|pair| pair.get(1).copied())
    };
    for (name, expected) in VALUES {
        let expected = expected.replace("127.0.0.1:5432", "db:5432");
        if LEFT_OUT.contains(name) {
            ensure!(value(name).unwrap_or_default().is_empty(), "{name} is in .env.prod");
        } else {
            ensure!(value(name) == Some(&expected), "{name}: {:?}", value(name));
        }
    }
    let modes =
        machine.ok(&format!("{place}; stat -c '%U %a' .env.prod secrets secrets/db_verifier"))?;
    ensure!(modes == "root 600\nroot 750\nroot 440\n", "{modes}");
    machine.finish()
}

#[test]
fn compose_1_29_reads_what_systemd_reads() -> Result<()> {
    check(&recipe::older_compose(), "docker-compose --env-file .env.prod config")
}

#[test]
fn compose_2_26_reads_what_systemd_reads() -> Result<()> {
    check(&recipe::newer(), "docker-compose --env-file .env.prod config --format json")
}
