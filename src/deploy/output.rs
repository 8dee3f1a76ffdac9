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
            .map(|list| format!("{} distributions", list.split_whitespace().count())),
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
            (Reads::Packages, "x\nSuccessfully installed a-1 b-2\n", Some("2 distributions")),
            (Reads::Static, "", None),
            (Reads::Nothing, "x", None),
        ] {
            assert_eq!(note_of(reads, stdout).as_deref(), note);
        }
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
