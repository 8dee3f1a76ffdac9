//! What children said, in a few words or a few lines.

use super::step::Reads;

/// The note of a progress line.
pub fn note_of(reads: Reads, stdout: &str) -> Option<String> {
    match reads {
        Reads::Nothing => None,
        Reads::Check => last_match(stdout, |line| {
            line.strip_prefix("System check identified ").map(|rest| rest.trim_end_matches('.'))
        })
        .map(str::to_owned),
        Reads::Migrations => {
            let applied =
                stdout.lines().filter(|l| l.trim_start().starts_with("Applying ")).count();
            Some(match applied {
                0 => "nothing to apply".to_owned(),
                n => format!("{n} applied - cannot be undone by rollback"),
            })
        }
        Reads::Packages => last_match(stdout, |line| line.strip_prefix("Successfully installed "))
            .map(|list| format!("{} distributions", list.split_whitespace().count()))
            .or_else(|| {
                // uv: "Installed 9 packages in 4ms"
                let said = last_match(stdout, |line| line.strip_prefix("Installed "))?;
                Some(format!("{} distributions, by uv", said.split_whitespace().next()?))
            }),
        Reads::Static => last_match(stdout, |line| {
            line.contains(" static file").then(|| line.trim_end_matches('.'))
        })
        .map(str::to_owned),
    }
}

fn last_match<'a>(text: &'a str, read: impl Fn(&'a str) -> Option<&'a str>) -> Option<&'a str> {
    text.lines().rev().find_map(|line| read(line.trim()))
}

/// True when the output shows that the command had nothing to do.
pub fn is_idle(reads: Reads, stdout: &str) -> bool {
    match reads {
        Reads::Nothing | Reads::Packages => false,
        Reads::Check => true,
        Reads::Migrations => stdout.contains("No migrations to apply"),
        Reads::Static => note_of(reads, stdout).is_some_and(|note| note.starts_with("0 ")),
    }
}

/// What pip or git's own words mean for the operator; None where they speak for themselves.
///
/// Measured with pip 23.0 of Debian 12, uv 0.13 and git 2.39.
pub fn cause_of(text: &str) -> Option<&'static str> {
    const CAUSES: &[(&[&str], &str)] = &[
        (
            &["DO NOT MATCH THE HASHES", "Hash mismatch for"],
            "a distribution is not the one whose hash the requirements name; nothing was installed",
        ),
        (
            &[
                "command 'gcc' failed: No such file",
                "unable to execute 'x86_64-linux-gnu-gcc'",
                "command 'x86_64-linux-gnu-gcc' failed: No such file",
                "error: command 'cc' failed: No such file",
            ],
            "a distribution has to be compiled and no compiler is installed; make its wheel elsewhere for --wheelhouse, or apt install build-essential python3-dev",
        ),
        (
            &[".egg-info': Permission denied", "could not create 'build': Permission denied"],
            "a requirement is a directory of the code itself, in which only root may write; make its wheel for --wheelhouse and name it by its name",
        ),
        (
            &["Python.h: No such file"],
            "a distribution has to be compiled and the headers of Python are missing; make its wheel elsewhere for --wheelhouse, or apt install python3-dev",
        ),
        (
            &["ProxyError", "Tunnel connection failed", "407 Proxy Authentication"],
            "the proxy refuses or does not answer; it is set in /etc/pip.conf",
        ),
        (
            &["CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError"],
            "the certificate of the index is not trusted here; a proxy that opens TLS needs its authority in cert of /etc/pip.conf",
        ),
        (
            &[
                "Temporary failure in name resolution",
                "Network is unreachable",
                "Failed to establish a new connection",
                "Could not resolve host",
            ],
            "this host does not reach the network; use --wheelhouse DIRECTORY, or set a proxy in /etc/pip.conf",
        ),
        (
            &["No matching distribution found", "No solution found when resolving"],
            "no wheel for a requirement, for this version of Python, where wheels are looked for",
        ),
        (&["No space left on device"], "the disk is full"),
    ];
    let said = |words: &[&str]| words.iter().any(|word| text.contains(word));
    CAUSES.iter().find(|(words, _)| said(words)).map(|(_, cause)| *cause)
}

/// A list cut after a few, with the number of the others.
pub fn few(list: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = list.get(..SHOWN.min(list.len())).unwrap_or_default().join(", ");
    match list.len().saturating_sub(SHOWN) {
        0 => shown,
        others => format!("{shown} and {others} more"),
    }
}

/// The last lines that say something, at most `count`. Of Python's tracebacks the frames of the
/// import machinery and the marks below the code are left out.
pub fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let says = |line: &&str| {
        let line = line.trim();
        !line.trim_matches(['^', '~', ' ']).is_empty() && !line.starts_with("File \"<frozen ")
    };
    let said: Vec<&str> = text.lines().filter(says).collect();
    said.get(said.len().saturating_sub(count)..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes() {
        let migrated =
            "Running migrations:\n  Applying stock.0001_initial... OK\n  Applying x.0002... OK\n";
        for (reads, stdout, note) in [
            (Reads::Migrations, migrated, Some("2 applied - cannot be undone by rollback")),
            (Reads::Migrations, "  No migrations to apply.\n", Some("nothing to apply")),
            (
                Reads::Check,
                "System check identified no issues (0 silenced).\n",
                Some("no issues (0 silenced)"),
            ),
            (
                Reads::Static,
                "\n160 static files copied to '/x', 3 unmodified.\n",
                Some("160 static files copied to '/x', 3 unmodified"),
            ),
            (
                Reads::Packages,
                "Installed 9 packages in 4ms\n + a==1",
                Some("9 distributions, by uv"),
            ),
            (Reads::Packages, "x\nSuccessfully installed a-1 b-2\n", Some("2 distributions")),
            (Reads::Static, "", None),
            (Reads::Nothing, "x", None),
        ] {
            assert_eq!(note_of(reads, stdout).as_deref(), note);
        }
    }

    #[test]
    fn causes() {
        let network = "WARNING: Retrying: Failed to establish a new connection: [Errno -3] Temporary \
                       failure in name resolution\nERROR: No matching distribution found for Django";
        for (text, word) in [
            (network, "--wheelhouse"),
            ("ProxyError('Cannot connect to proxy.')\nNo matching distribution found", "proxy"),
            ("error: command 'gcc' failed: No such file or directory", "compiler"),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "hash"),
            ("error: could not create 'foo.egg-info': Permission denied", "of the code itself"),
            ("error: Failed to download `a==1`\n  cause: Hash mismatch for `a==1`", "hash"),
            ("ERROR: No matching distribution found for x (from versions: none)", "no wheel"),
        ] {
            assert!(cause_of(text).is_some_and(|cause| cause.contains(word)), "{text}");
        }
        assert_eq!(cause_of("ImportError: x"), None);
    }

    #[test]
    fn idle_and_few() {
        assert!(is_idle(Reads::Migrations, "  No migrations to apply.\n"));
        assert!(!is_idle(Reads::Migrations, "  Applying a.1... OK\n"));
        assert!(is_idle(Reads::Static, "0 static files copied to '/x', 9 unmodified.\n"));
        assert!(!is_idle(Reads::Static, "10 static files copied to '/x'.\n"));
        let list: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(few(&list), "a, b, c and 1 more");
        assert_eq!(few(&list[..2]), "a, b");
    }

    #[test]
    fn lines() {
        assert_eq!(last_lines("a\n\nb\nc\n \n", 2), ["b", "c"]);
        assert_eq!(last_lines("a", 5), ["a"]);
        assert!(last_lines("", 5).is_empty());
        let trace =
            "  File \"<frozen importlib>\", line 1\n    import x\n       ^^~~\nImportError: x\n";
        assert_eq!(last_lines(trace, 5), ["    import x", "ImportError: x"]);
    }
}
