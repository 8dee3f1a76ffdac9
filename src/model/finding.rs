//! Every finding the programs can report: ids, severities, texts, remedies.
//!
//! Invariant: ids are stable and never reused; each text exists once, here; no text can hold a value
//! of the env file. A finding's `detail` names paths, lines and keys only.

use std::path::PathBuf;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; never changes the verdict.
    Note,
    /// Will bite.
    Warning,
    /// Does not work, or is unsafe, now.
    Error,
}

impl Severity {
    /// The word that begins a line of the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Who repairs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Repaired at each start and by `--fix`, without a question about meaning.
    Automatic,
    /// `--fix` or `meats-env fix` offers it; a person decides.
    Asks,
    /// Only a person can: the remedy is printed.
    ByHand,
    /// No automatic edit of the object at all.
    Refused,
}

impl Repair {
    /// The word used in JSON and text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Asks => "asks",
            Self::ByHand => "by-hand",
            Self::Refused => "refused",
        }
    }
}

/// One kind of finding: everything that is always true of it. `explain ID` prints this.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable id, `ENV-004`.
    pub id: &'static str,
    /// Readable name, `export-prefix`.
    pub name: &'static str,
    pub severity: Severity,
    pub repair: Repair,
    /// What is the case, one sentence.
    pub summary: &'static str,
    /// Why it matters: what it does to the service.
    pub why: &'static str,
    /// What to do, in words; commands may stand on lines of their own, indented by four blanks.
    pub remedy: &'static str,
    /// Ids of symptoms that this cause explains.
    pub leads_to: &'static [&'static str],
}

/// What a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub path: Option<PathBuf>,
    /// Line of the file, from 1.
    pub line: Option<usize>,
    /// Column (bytes) of the line, from 1.
    pub column: Option<usize>,
    pub unit: Option<String>,
    /// Key of the env file or the settings; the name only.
    pub key: Option<String>,
}

/// Something seen, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// "journal", a path, "unit property".
    pub source: String,
    pub text: String,
}

/// One finding on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: &'static Kind,
    pub subject: Subject,
    /// One sentence about this instance; begins without a capital, ends without a full stop.
    pub detail: String,
    pub evidence: Vec<Evidence>,
    /// Commands that help, as words; complete and safe to paste.
    pub commands: Vec<Vec<String>>,
    /// True when the service cannot start, or would destroy something, because of it.
    pub blocks_start: bool,
    /// Who repairs this instance; the kind's class unless its circumstances say otherwise.
    pub repair: Repair,
}

impl Finding {
    /// A finding without evidence or commands.
    pub fn new(kind: &'static Kind, subject: Subject, detail: impl Into<String>) -> Self {
        Self {
            kind,
            subject,
            detail: detail.into(),
            evidence: Vec::new(),
            commands: Vec::new(),
            blocks_start: false,
            repair: kind.repair,
        }
    }

    /// Adds a command to paste.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|w| (*w).to_owned()).collect());
        self
    }

    /// Adds something seen.
    #[must_use]
    pub fn evidence(mut self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: source.into(), text: text.into() });
        self
    }

    /// Sets who repairs this instance.
    #[must_use]
    pub fn repaired_by(mut self, repair: Repair) -> Self {
        self.repair = repair;
        self
    }

    /// Marks it as one that must stop the start.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        self.blocks_start = true;
        self
    }
}

impl Subject {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::default() }
    }

    /// A line of a file.
    pub fn line(path: impl Into<PathBuf>, line: usize) -> Self {
        Self { path: Some(path.into()), line: Some(line), ..Self::default() }
    }

    /// A unit.
    pub fn unit(name: impl Into<String>) -> Self {
        Self { unit: Some(name.into()), ..Self::default() }
    }

    /// Adds the key concerned.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// Declares the kinds and the list of them in one place.
macro_rules! kinds {
    ($($name:ident = $id:literal $word:literal $severity:ident $repair:ident
        { $summary:literal, why: $why:literal, remedy: $remedy:literal
          $(, leads_to: [$($leads:literal),*])? $(,)? })*) => {
        $(
            #[doc = $summary]
            pub const $name: Kind = Kind {
                id: $id,
                name: $word,
                severity: Severity::$severity,
                repair: Repair::$repair,
                summary: $summary,
                why: $why,
                remedy: $remedy,
                leads_to: &[$($($leads),*)?],
            };
        )*
        /// Every kind, in order of declaration.
        pub const ALL: &[&Kind] = &[$(&$name),*];
    };
}

/// Finds a kind by id or name, in any case.
pub fn by_word(word: &str) -> Option<&'static Kind> {
    ALL.iter()
        .copied()
        .find(|k| k.id.eq_ignore_ascii_case(word) || k.name.eq_ignore_ascii_case(word))
}

kinds! {
    // ---- CFG: settings -------------------------------------------------------------------------
    CFG_UNREADABLE = "CFG-001" "settings-unreadable" Error ByHand {
        "A settings file could not be read or is not INI text.",
        why: "The whole file is left out; the service runs with the built-in defaults instead of what you wrote.",
        remedy: "Correct the line that the message names, then look at the result:\n    meats-diagnose config",
    }
    CFG_UNKNOWN_KEY = "CFG-002" "settings-unknown-key" Warning ByHand {
        "A settings file has a key or section that means nothing.",
        why: "A mistyped setting has no effect, and nothing else would tell you.",
        remedy: "Correct the name; fixes.conf(5) lists all of them. What is in force:\n    meats-diagnose config",
    }
    CFG_BAD_VALUE = "CFG-003" "settings-bad-value" Error ByHand {
        "A setting has a value that is not allowed.",
        why: "The value is ignored and the next weaker one (a lower file or the default) is used.",
        remedy: "Correct the value; fixes.conf(5) says what is allowed. What is in force:\n    meats-diagnose config",
    }

    // ---- LOG: log and runtime trees ------------------------------------------------------------
    LOG_OWNER = "LOG-001" "log-owner" Error Automatic {
        "A log file or directory belongs to the wrong user or group.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_MODE = "LOG-002" "log-mode" Error Automatic {
        "A log file or directory does not let the service user write.",
        why: "gunicorn opens its logs as the service user before anything else and exits with status 1 when it cannot.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_MISSING = "LOG-003" "log-missing" Error Automatic {
        "A log or runtime directory, or a log file, is missing.",
        why: "A unit that names a missing directory fails before any program runs (226/NAMESPACE), or gunicorn cannot open its log.",
        remedy: "Start the service (the pre-start helper makes it) or run:\n    meats-diagnose --fix",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_REFUSED = "LOG-004" "log-refused" Error Refused {
        "Something below a log or runtime directory is not what it should be, and root does not touch it.",
        why: "A link, device, FIFO or file with several names in a directory that the service user can write may point anywhere; changing its owner could give away a file of the system.",
        remedy: "Look at it and move it away if nobody needs it; a log on another disk is best made by mounting that disk at the log directory.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    LOG_LIMIT = "LOG-005" "log-limit" Warning ByHand {
        "A tree has more entries than the set limit; the rest was not looked at.",
        why: "The limit keeps a start from taking for ever in a directory that somebody filled.",
        remedy: "Rotate or remove old logs, or raise the limit that the message names, in fixes.conf.",
    }
    LOG_UNFIXED = "LOG-006" "repair-failed" Error ByHand {
        "A repair was tried and failed.",
        why: "The state that it would have mended is still there.",
        remedy: "The message has the cause (read-only file system, full disk, changed in the meantime). Mend that and run:\n    meats-diagnose --fix",
    }
    LOG_LEFTOVER = "LOG-007" "leftover" Note Automatic {
        "An interrupted run has left the file that it was writing.",
        why: "It does no harm, but it may hold a copy of the env file.",
        remedy: "Start the service (the pre-start helper removes it) or run:\n    meats-diagnose --fix",
    }

    // ---- ENV: the env file ----------------------------------------------------------------------
    EXPORT_PREFIX = "ENV-004" "export-prefix" Error Automatic {
        "A line begins with the word export.",
        why: "A shell reads the line; systemd drops it and logs it with its value. The program starts without the key, often with an unsafe default, and nothing says so.",
        remedy: "Remove the word; the value stays as it is:\n    meats-env fix\nThe journal has the old line with its value: if it was a secret, change it.",
    }
    EXPORT_SHADOW = "ENV-005" "export-shadow" Error Asks {
        "A line with export in front sets a key that another line sets to another value.",
        why: "A shell takes one value and systemd the other; removing the word would change the value in use.",
        remedy: "Decide which value is right and delete the other line:\n    meats-env fix --interactive",
    }
    BOM = "ENV-006" "bom" Error Automatic {
        "A byte order mark stands at the start of a line.",
        why: "systemd takes it for a part of the key: the first key of the file is lost.",
        remedy: "Remove the three bytes:\n    meats-env fix",
    }
    CRLF = "ENV-007" "crlf" Warning Automatic {
        "Lines end in CR LF.",
        why: "systemd reads them well; in a shell each value gets a CR at its end.",
        remedy: "Write LF:\n    meats-env fix",
    }
    CRLF_IN_VALUE = "ENV-008" "crlf-in-value" Warning Asks {
        "A quoted value of several lines has CR LF in it.",
        why: "The CR is part of the value that the service uses.",
        remedy: "Decide whether the CR is meant:\n    meats-env fix --interactive",
    }
    LONE_CR = "ENV-009" "lone-cr" Warning Automatic {
        "A CR without LF ends a line.",
        why: "systemd begins a new line there, a shell does not.",
        remedy: "Write LF:\n    meats-env fix",
    }
    SPACE_AROUND_EQUALS = "ENV-010" "space-around-equals" Warning Automatic {
        "Blanks stand before or behind the equals sign.",
        why: "systemd reads the line; a shell takes the key for a command, docker refuses the file.",
        remedy: "Close up:\n    meats-env fix",
    }
    UNQUOTED_SPECIAL = "ENV-011" "unquoted-special" Warning Automatic {
        "A value with blanks or shell characters is not quoted.",
        why: "systemd reads it literally; a shell that reads the file gets another value, stops, or runs a part of it.",
        remedy: "Quote it; what systemd reads stays the same:\n    meats-env fix",
    }
    ESCAPED_SPECIAL = "ENV-012" "escaped-special" Warning Automatic {
        "An unquoted value has backslashes before special characters.",
        why: "systemd and shells drop the backslashes, dotenv libraries and compose keep them.",
        remedy: "Quote what systemd reads:\n    meats-env fix",
    }
    UNESCAPED_IN_DOUBLE_QUOTES = "ENV-013" "unescaped-in-double-quotes" Warning Automatic {
        "A dollar or backtick stands in double quotes without a backslash.",
        why: "systemd reads it literally, a shell expands it.",
        remedy: "Use single quotes; what systemd reads stays the same:\n    meats-env fix",
    }
    MIXED_QUOTING = "ENV-014" "mixed-quoting" Warning Automatic {
        "A value is put together from pieces with different quotes.",
        why: "systemd and shells join the pieces, the other readers do not.",
        remedy: "Use one pair of quotes:\n    meats-env fix",
    }
    COMMENT_BACKSLASH = "ENV-015" "comment-backslash" Error Automatic {
        "A comment ends in a backslash.",
        why: "systemd before 254 takes the next line for a part of the comment.",
        remedy: "Drop the backslash:\n    meats-env fix",
    }
    SECRET_KEY_MISSING = "ENV-016" "secret-key-missing" Error Asks {
        "SECRET_KEY is not set.",
        why: "The application then signs sessions with the key in its source code, which anybody can read. There is no symptom.",
        remedy: "Set one; the value comes from standard input:\n    meats-env generate --key SECRET_KEY",
    }
    SEMICOLON_COMMENT = "ENV-017" "semicolon-comment" Warning Automatic {
        "A comment begins with a semicolon.",
        why: "For systemd it is a comment, for a shell and for compose an error.",
        remedy: "Write a number sign:\n    meats-env fix",
    }
    SECOND_FILE = "ENV-018" "second-file" Warning ByHand {
        "Another file sets a key of the env file to another value.",
        why: "Which of the two is used depends on how the program is started.",
        remedy: "Decide which value is meant and remove the other:\n    meats-env readers",
    }
    NO_FINAL_NEWLINE = "ENV-019" "no-final-newline" Note Automatic {
        "The last line has no line end.",
        why: "The next line that a script appends is glued to it.",
        remedy: "Add it:\n    meats-env fix",
    }
    TRAILING_BACKSLASH = "ENV-020" "trailing-backslash" Error Automatic {
        "A value ends in a backslash.",
        why: "It joins the next line to the value: the next key is lost without a message.",
        remedy: "Drop the backslash, or quote the value if it is meant:\n    meats-env fix --interactive",
    }
    UNBALANCED_QUOTE = "ENV-021" "unbalanced-quote" Error Asks {
        "A quote is not closed, or closed without being opened.",
        why: "systemd takes the following lines into the value, up to the next quote or the end of the file, without a message.",
        remedy: "Close the quote where it belongs:\n    meats-env fix --interactive",
    }
    DOUBLE_EQUALS = "ENV-022" "double-equals" Warning Asks {
        "A value begins with an equals sign.",
        why: "It may be a typing error, or the value: one in fifty keys of Django begins with it. A wrong guess logs every user out.",
        remedy: "Decide; double_equals in fixes.conf settles it for good:\n    meats-env fix --interactive",
    }
    INLINE_COMMENT = "ENV-023" "inline-comment" Warning Asks {
        "A comment stands behind a value.",
        why: "For systemd it is a part of the value; shells and dotenv libraries cut it off.",
        remedy: "Put the comment on a line of its own:\n    meats-env fix --interactive",
    }
    TEXT_AFTER_QUOTE = "ENV-024" "text-after-quote" Warning Asks {
        "Text stands behind a closing quote.",
        why: "systemd joins it to the value, without the blank between.",
        remedy: "Decide what the value is:\n    meats-env fix --interactive",
    }
    SHELL_QUOTE_SPLICE = "ENV-025" "shell-quote-splice" Warning Asks {
        "A value has an apostrophe written the way of shells.",
        why: "systemd reads a stray quote.",
        remedy: "Use double quotes:\n    meats-env fix --interactive",
    }
    ANSI_C_QUOTE = "ENV-026" "ansi-c-quote" Warning Asks {
        "A value is written in the dollar quotes of bash.",
        why: "systemd reads the dollar and the quotes as letters.",
        remedy: "Write the value itself:\n    meats-env fix --interactive",
    }
    UNQUOTED_BACKSLASH = "ENV-027" "unquoted-backslash" Warning Asks {
        "An unquoted value has a backslash before an ordinary character.",
        why: "systemd and shells drop the backslash.",
        remedy: "Quote the value if the backslash is meant:\n    meats-env fix --interactive",
    }
    LITERAL_NEWLINE_ESCAPE = "ENV-028" "literal-newline-escape" Warning ByHand {
        "A quoted value has backslash n in it.",
        why: "systemd reads two characters, python-dotenv and compose a line end.",
        remedy: "See what each reader makes of it:\n    meats-env readers",
    }
    VARIABLE_REFERENCE = "ENV-029" "variable-reference" Warning ByHand {
        "A value refers to another variable.",
        why: "systemd does not expand it; shells, python-dotenv and compose do.",
        remedy: "Write the value out if the service is to use it.",
    }
    COMMAND_SUBSTITUTION = "ENV-030" "command-substitution" Warning ByHand {
        "A value is the output of a command.",
        why: "systemd does not run it: the service gets the text of the command.",
        remedy: "Write the value itself, or load the secret another way.",
    }
    URL_UNENCODED = "ENV-031" "url-unencoded" Warning Asks {
        "The password in a URL has characters that end it.",
        why: "The library splits the URL there: it stops with an error that shows a part of the password, or uses a wrong password.",
        remedy: "Write the character as a percent sign and two digits:\n    meats-env fix --interactive",
    }
    SMART_QUOTES = "ENV-032" "smart-quotes" Warning Asks {
        "A value is in typographic quotes.",
        why: "Every reader takes them for a part of the value.",
        remedy: "Use plain quotes:\n    meats-env fix --interactive",
    }
    INVISIBLE_CHAR = "ENV-033" "invisible-char" Warning Asks {
        "A key or value has a character that cannot be seen or told from another.",
        why: "It came from a web page or a word processor; the key or value is not what it looks like.",
        remedy: "Type the line anew:\n    meats-env fix --interactive",
    }
    SED_AMPERSAND = "ENV-034" "sed-ampersand" Warning Asks {
        "A value has the text of a placeholder inside.",
        why: "sed put it there for each & of the new value. What was to be the value is lost, but what stands there may be in use.",
        remedy: "If it is a key that nobody has signed with yet, generate a new one:\n    meats-env fix --interactive",
    }
    PLACEHOLDER = "ENV-035" "placeholder" Warning Asks {
        "A value is still the placeholder of a template.",
        why: "Everybody knows it.",
        remedy: "Set the real value; it is read from standard input:\n    meats-env set",
    }
    HTML_ENTITY = "ENV-036" "html-entity" Warning Asks {
        "A value has an HTML entity in it.",
        why: "It was copied from a web page; no reader decodes it.",
        remedy: "Write the character itself:\n    meats-env fix --interactive",
    }
    COLON_SEPARATOR = "ENV-037" "colon-separator" Error Asks {
        "A line has a colon where the equals sign belongs.",
        why: "systemd drops the line without a message.",
        remedy: "Write an equals sign:\n    meats-env fix --interactive",
    }
    YAML_LIST_ITEM = "ENV-038" "yaml-list-item" Error Asks {
        "A line is an item of a YAML list.",
        why: "systemd drops the line.",
        remedy: "Remove the dash:\n    meats-env fix --interactive",
    }
    MERGE_CONFLICT = "ENV-039" "merge-conflict" Error Asks {
        "The file has the marks of a merge conflict.",
        why: "systemd reads both sides; the last one wins.",
        remedy: "Keep one side and delete the marks.",
    }
    BAD_KEY = "ENV-040" "bad-key" Warning ByHand {
        "The name before the equals sign is none that systemd accepts.",
        why: "systemd drops the line and logs it with its value.",
        remedy: "Names are letters, digits and underscores, no digit first; only the application knows the right one.",
    }
    NO_EQUALS = "ENV-041" "no-equals" Warning ByHand {
        "A line has no equals sign.",
        why: "systemd drops the line without a message.",
        remedy: "Complete the line, join it to the one above, or make it a comment.",
    }
    SHELL_CODE = "ENV-042" "shell-code" Warning ByHand {
        "A line is code for a shell.",
        why: "systemd does not run it; assignments inside are set whatever the condition says.",
        remedy: "An env file can only hold assignments; put the code into a script.",
    }
    DUPLICATE_KEY = "ENV-043" "duplicate-key" Warning ByHand {
        "A key is set more than once.",
        why: "The last line wins; whoever edits the first one sees no effect.",
        remedy: "Delete the line that is not meant.",
    }
    MULTILINE_VALUE = "ENV-044" "multiline-value" Warning ByHand {
        "A value spans several lines.",
        why: "systemd, shells and compose read it; django-environ, python-decouple and docker read single lines.",
        remedy: "Leave it if only the service reads the file.",
    }
    CONTROL_CHAR = "ENV-045" "control-char" Warning ByHand {
        "A value has a control character in it.",
        why: "It is part of the value and cannot be seen.",
        remedy: "Type the value anew:\n    meats-env set",
    }
    RISKY_KEY = "ENV-046" "risky-key" Error ByHand {
        "A key steers the loader, the shell or Python itself.",
        why: "Every command of the unit gets it, those that run as root too: whoever can write the file becomes root.",
        remedy: "Remove the line; if the service needs it, set it in the unit.",
    }
    LEADING_WHITESPACE = "ENV-047" "leading-whitespace" Note ByHand {
        "A line is indented.",
        why: "django-environ ignores such a line.",
        remedy: "Remove the blanks.",
    }
    TRAILING_WHITESPACE = "ENV-048" "trailing-whitespace" Note ByHand {
        "Blanks stand behind a value.",
        why: "systemd cuts them; django-environ and docker keep them.",
        remedy: "Remove the blanks.",
    }
    EMPTY_FILE = "ENV-049" "empty-file" Error ByHand {
        "The file sets nothing.",
        why: "The service starts with the defaults in its code: a published SECRET_KEY, an empty database, no allowed host.",
        remedy: "Bring back a backup, or generate a file:\n    meats-env restore --list",
    }
    INVALID_UTF8_COMMENT = "ENV-050" "invalid-utf8-comment" Warning ByHand {
        "A comment is not UTF-8.",
        why: "systemd does not mind; Python readers stop with an error.",
        remedy: "Save the file as UTF-8.",
    }
    INVALID_UTF8 = "ENV-051" "invalid-utf8" Error Refused {
        "A key or value is not UTF-8.",
        why: "systemd refuses the whole file: the service gets nothing of it.",
        remedy: "Write that value in UTF-8:\n    meats-env fix --interactive",
        leads_to: ["SVC-001", "NET-001"],
    }
    NUL_BYTE = "ENV-052" "nul-byte" Error Refused {
        "The file has a NUL byte.",
        why: "systemd refuses the whole file: the service gets nothing of it. After a power failure the end of a file is often full of them.",
        remedy: "Cut the NUL bytes off, or bring back a backup:\n    meats-env fix --interactive\n    meats-env restore --list",
        leads_to: ["SVC-001", "NET-001"],
    }
    UTF16 = "ENV-053" "utf16" Error Refused {
        "The file is UTF-16.",
        why: "systemd refuses the whole file: the service gets nothing of it.",
        remedy: "Save the file as UTF-8 without a byte order mark.",
        leads_to: ["SVC-001", "NET-001"],
    }
    DEBUG_ON = "ENV-054" "debug-on" Warning ByHand {
        "DEBUG is on.",
        why: "Error pages show settings and source code to every visitor, and memory grows.",
        remedy: "Turn it off:\n    printf False | meats-env set DEBUG",
    }
    SECRET_KEY_EMPTY = "ENV-055" "secret-key-empty" Error Asks {
        "SECRET_KEY is empty.",
        why: "The service starts and answers every request with 500.",
        remedy: "Generate one:\n    meats-env generate --key SECRET_KEY",
        leads_to: ["SVC-001"],
    }
    SECRET_KEY_WEAK = "ENV-056" "secret-key-weak" Warning Asks {
        "SECRET_KEY is short or made of few characters.",
        why: "Sessions and password links signed with it can be forged.",
        remedy: "Generate a new one; every user has to log in again:\n    meats-env generate --key SECRET_KEY",
    }
    ALLOWED_HOSTS_MISSING = "ENV-057" "allowed-hosts-missing" Error ByHand {
        "ALLOWED_HOSTS is not set or empty.",
        why: "With DEBUG off Django answers every request with 400.",
        remedy: "Set it to the names of the site, with commas and without blanks:\n    meats-env set ALLOWED_HOSTS",
    }
    ALLOWED_HOSTS_MALFORMED = "ENV-058" "allowed-hosts-malformed" Warning Asks {
        "ALLOWED_HOSTS has an entry that cannot match.",
        why: "A blank, a scheme or a port in an entry makes that host answer 400.",
        remedy: "Write names only, with commas and without blanks:\n    meats-env fix --interactive",
    }
    DATABASE_URL_MALFORMED = "ENV-059" "database-url-malformed" Error ByHand {
        "DATABASE_URL is empty or has an unknown scheme.",
        why: "The application stops when it loads, or fails at the first query.",
        remedy: "It has the form postgres://USER:PASSWORD@HOST:PORT/NAME or sqlite:////path:\n    meats-env set DATABASE_URL",
    }
    NOT_BOOLEAN = "ENV-060" "not-boolean" Error ByHand {
        "A switch has a value that is neither true nor false.",
        why: "The application stops when it loads.",
        remedy: "Write True or False.",
        leads_to: ["SVC-001"],
    }
    ORIGIN_SCHEME = "ENV-061" "origin-scheme" Warning ByHand {
        "An origin has no scheme.",
        why: "The service runs, but manage.py check fails and migrate refuses to run.",
        remedy: "Write https:// in front of each origin.",
    }
    VALUE_TOO_LONG = "ENV-062" "value-too-long" Error ByHand {
        "A key with its value is longer than the kernel's limit of 131071 bytes.",
        why: "systemd reads it, and then no command of the unit can be executed (203/EXEC).",
        remedy: "Put the content into a file of its own.",
        leads_to: ["SVC-001"],
    }
    UNREAD_KEY = "ENV-063" "unread-key" Warning Asks {
        "DJANGO_SECRET_KEY is set and SECRET_KEY is not.",
        why: "The application reads only SECRET_KEY: it signs with the key in its source code.",
        remedy: "Rename the key:\n    meats-env fix --interactive",
    }
    ENV_OVERSIZED = "ENV-064" "env-oversized" Warning Refused {
        "The file is larger than 1 MiB.",
        why: "No env file is that large; no repair is made in it, and systemd refuses it from 64 MiB on.",
        remedy: "Look at what was written into it.",
    }
    ENV_EDITED = "ENV-065" "env-edited" Note ByHand {
        "The env file was changed on request.",
        why: "The service reads it at its next start.",
        remedy: "Restart the service to use the new values, or take the change back:\n    meats-env restore",
    }
    ENV_ACCESS = "ENV-090" "env-access" Error Automatic {
        "The env file or its directory can be read by everybody, or written by others than root.",
        why: "It holds passwords; and who can replace it can bring variables to commands that root runs, or stop systemd with a FIFO.",
        remedy: "Start the service (the pre-start helper repairs it) or run:\n    meats-diagnose --fix",
    }
    ENV_MISSING = "ENV-091" "env-missing" Error Asks {
        "The env file does not exist.",
        why: "Without it Django starts with the defaults in its code: a published SECRET_KEY, an empty database, no allowed host.",
        remedy: "Restore the newest backup, or generate a new file and fill it in:\n    meats-env restore --list\n    meats-env generate",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    ENV_NOT_REGULAR = "ENV-092" "env-not-regular" Error Refused {
        "The path of the env file is not a regular file with one name.",
        why: "systemd reads it as PID 1: a FIFO there blocks the whole machine, a link or second name can be changed by somebody else.",
        remedy: "Put a regular file of root's in its place; a link that you want belongs into env_file in fixes.conf as the real path.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    ENV_UNREADABLE = "ENV-093" "env-unreadable" Error ByHand {
        "The env file could not be read.",
        why: "Nothing can be said about it, and systemd may leave it out.",
        remedy: "The message has the cause.",
    }
    ENV_CREDENTIAL = "ENV-095" "credential" Error Automatic {
        "A variable that the service gets as a credential is not in its file, or not in the env file.",
        why: "The application would run with an old value, or without one.",
        remedy: "Start the service (the pre-start helper writes the files), or give the variable a value:\n    meats-env set NAME",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }

    // ---- SVC: the unit and its state ------------------------------------------------------------
    SVC_FAILED = "SVC-001" "service-failed" Error ByHand {
        "The service is not running: its last start or run failed.",
        why: "Nobody is served.",
        remedy: "The cause is in the last failure record:\n    meats-diagnose failures",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_RESTART_LOOP = "SVC-002" "restart-loop" Error ByHand {
        "systemd starts the service again and again.",
        why: "Each start dies; with SuccessExitStatus=0 1 systemd may even call that success, so it never shows as failed.",
        remedy: "The cause is in the last failure record:\n    meats-diagnose failures",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_UNIT_UNREADABLE = "SVC-003" "unit-unreadable" Error ByHand {
        "The administrator's unit file could not be read, so our helpers were not added to it.",
        why: "The service runs without the repair before a start and without failure capture.",
        remedy: "Make the unit file readable for root, below directories that only root can write, then:\n    systemctl daemon-reload",
    }
    SVC_MASKED = "SVC-004" "service-masked" Note ByHand {
        "The service is masked: systemd does not start it.",
        why: "Somebody decided that; nothing of this package overrides it.",
        remedy: "If it shall run again:\n    systemctl unmask projectmeats",
    }
    SVC_USER_MISSING = "SVC-005" "user-missing" Error Asks {
        "The user or the group of the service does not exist.",
        why: "systemd cannot start a process for them (217/USER, 216/GROUP).",
        remedy: "Make them as system accounts, or correct user and group in fixes.conf:\n    systemd-sysusers projectmeats-fixes.conf",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    SVC_PROGRAM_MISSING = "SVC-006" "program-missing" Error ByHand {
        "The program that the unit starts does not exist.",
        why: "Every start ends with 203/EXEC; usually the virtual environment is missing or was moved.",
        remedy: "Make the virtual environment anew (meats-deploy apply does it), or correct venv in fixes.conf.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    SVC_NOT_LOADED = "SVC-007" "unit-not-loaded" Error ByHand {
        "systemd does not know the unit of the service.",
        why: "It cannot be started. The generator emits it at boot and at every daemon-reload.",
        remedy: "Let systemd run its generators:\n    systemctl daemon-reload",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_STOPPED = "SVC-008" "service-stopped" Error ByHand {
        "The service is not running.",
        why: "Nobody is served.",
        remedy: "Start it:\n    systemctl start projectmeats",
        leads_to: ["NET-001", "NET-002"],
    }
    SVC_RELOAD_DUE = "SVC-009" "daemon-reload-due" Warning ByHand {
        "Unit files changed since systemd read them.",
        why: "systemd still acts on the old text.",
        remedy: "Let systemd read them:\n    systemctl daemon-reload",
    }

    SVC_RIVAL = "SVC-020" "rival-unit" Warning ByHand {
        "Another unit that runs the same service is enabled, so the generated one is not started at boot.",
        why: "Two units of one service fight for its address: the second dies of \"address already in use\".",
        remedy: "Name the unit that shall run in fixes.conf (name in [service]), or disable the other:\n    systemctl disable --now NAME\n    systemctl daemon-reload",
    }

    SVC_ADOPTED = "SVC-021" "unit-adopted" Note Asks {
        "The administrator's unit is moved aside and the generated one takes its place, or back.",
        why: "A unit that an old deployment script copied to /etc hides every later improvement of the generated one.",
        remedy: "See how they differ, then decide:\n    meats-diagnose unit\n    meats-diagnose unit --adopt --dry-run",
    }

    // ---- PKG: the venv and its distributions ----------------------------------------------------
    PKG_VENV_MISSING = "PKG-001" "venv-missing" Error ByHand {
        "The virtual environment is not there.",
        why: "The unit's program lies in it: systemd says \"Failed to locate executable\" and ends with status 203/EXEC.",
        remedy: "Make it and install the application's requirements, or set venv in fixes.conf to where it is.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_INTERPRETER_GONE = "PKG-002" "interpreter-gone" Error ByHand {
        "The Python that the virtual environment was made with is gone.",
        why: "bin/python3 is a link that leads nowhere, usually since a release upgrade of Debian removed that Python; every program of the environment fails with status 203/EXEC.",
        remedy: "Make the environment again with the Python that is there now and install the requirements:\n    python3 -m venv --clear VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_PYTHON_UPGRADED = "PKG-003" "python-upgraded" Error ByHand {
        "The virtual environment's packages belong to another Python than the one that runs now.",
        why: "Python looks for packages in lib/pythonX.Y of its own version and finds none: \"No module named 'gunicorn'\", status 1.",
        remedy: "Make the environment again with the Python that is there now and install the requirements:\n    python3 -m venv --clear VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_CFG_MISSING = "PKG-004" "pyvenv-cfg-missing" Error ByHand {
        "The virtual environment has no pyvenv.cfg.",
        why: "Without that file Python does not know that it is in an environment, looks for packages in the system's directories and does not find gunicorn.",
        remedy: "Make the environment again (its packages stay):\n    python3 -m venv --upgrade VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_GUNICORN_MISSING = "PKG-005" "gunicorn-missing" Error ByHand {
        "The program that the unit starts is not there.",
        why: "systemd says \"Failed to locate executable\" and ends with status 203/EXEC.",
        remedy: "Install gunicorn into the environment.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_SHEBANG_GONE = "PKG-006" "gunicorn-interpreter-gone" Error ByHand {
        "The interpreter that gunicorn's first line names is not there.",
        why: "systemd says \"Failed to execute … No such file\" although the script exists: environments cannot be moved, the path of the interpreter is written into each script.",
        remedy: "Install gunicorn again, which writes its script anew; better, make the whole environment again where it is to stay.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_NOT_EXECUTABLE = "PKG-007" "gunicorn-not-executable" Error ByHand {
        "The service user may not execute the program that the unit starts.",
        why: "systemd says \"Permission denied\" and ends with status 203/EXEC.",
        remedy: "Give it back the mode that pip gives it:\n    chmod 755 VENV/bin/gunicorn",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_PKG_RESOURCES = "PKG-008" "gunicorn-needs-pkg-resources" Error ByHand {
        "This gunicorn needs pkg_resources and the environment has none.",
        why: "gunicorn before 21 imports pkg_resources, which is part of setuptools before 82; a new environment has no setuptools, or too new a one: \"No module named 'pkg_resources'\", status 1.",
        remedy: "Install a newer gunicorn, or, if the old one must stay, a setuptools that still has the module.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_GUNICORN_OLD = "PKG-009" "gunicorn-old" Note ByHand {
        "This gunicorn cannot tell systemd when it is ready.",
        why: "gunicorn before 20 sends no readiness message, so the unit cannot be of Type=notify: a start counts as done before the application is loaded.",
        remedy: "Install a newer gunicorn when the application allows it.",
    }
    PKG_MISSING = "PKG-010" "distribution-missing" Error ByHand {
        "A distribution that the requirements ask for is not installed.",
        why: "The application fails as soon as it imports it.",
        remedy: "Install the requirements into the environment, as the user who owns it.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_VERSION = "PKG-011" "distribution-version" Warning ByHand {
        "A distribution has another version than the requirements ask for.",
        why: "The application runs with code that it was not made or tested for.",
        remedy: "Install the requirements into the environment, as the user who owns it.",
    }
    PKG_CONFLICT = "PKG-012" "distribution-conflict" Warning ByHand {
        "Installed distributions do not fit each other.",
        why: "One needs another that is missing or of a version that it does not support; pip check says the same.",
        remedy: "Install the requirements again; if they themselves disagree, correct the versions in the requirements files.",
    }
    PKG_FILES_GONE = "PKG-013" "distribution-files-gone" Error ByHand {
        "A distribution counts as installed, but files of it are missing.",
        why: "Its metadata is there, so pip list and pip check are content; the import fails.",
        remedy: "Install it again with --force-reinstall.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_METADATA = "PKG-014" "distribution-metadata-broken" Warning ByHand {
        "The metadata of a distribution cannot be used.",
        why: "pip does not know that it is installed and can neither upgrade nor remove it; programs that ask for its version fail.",
        remedy: "Remove the named directory and install the requirements again.",
    }
    PKG_DUPLICATE = "PKG-015" "distribution-duplicate" Warning ByHand {
        "A distribution has two sets of metadata in one directory.",
        why: "An interrupted upgrade left the old one behind; which of the versions a program is told is chance.",
        remedy: "Uninstall it until pip says that it is not installed, then install the requirements again.",
    }
    PKG_LEFTOVER = "PKG-016" "distribution-leftover" Warning ByHand {
        "An interrupted pip left directories behind whose names begin with ~.",
        why: "They do no harm by themselves, but whatever pip was doing then was not finished.",
        remedy: "Install the requirements again and remove the named directories.",
    }
    PKG_FOREIGN = "PKG-017" "extension-other-python" Error ByHand {
        "A distribution has compiled modules for another Python only.",
        why: "This Python does not see them and the import fails; it happens when packages are copied from one environment to another.",
        remedy: "Install it again with --force-reinstall.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_DRIVER_MISSING = "PKG-018" "database-driver-missing" Error ByHand {
        "DATABASE_URL is for PostgreSQL and the environment has no driver for it.",
        why: "Django stops while loading: \"Error loading psycopg2 or psycopg module\".",
        remedy: "Install psycopg[binary] (Django 4.2 and newer) or psycopg2-binary into the environment.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_DRIVER_HALF = "PKG-019" "database-driver-half" Error ByHand {
        "psycopg is installed without the library that it needs.",
        why: "psycopg needs its binary part or the system's libpq5 and has neither: \"no pq wrapper available\".",
        remedy: "Install its binary part into the environment, or the Debian package libpq5.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    PKG_NO_ZONES = "PKG-020" "time-zone-data-missing" Error ByHand {
        "Neither the system nor the environment has time zone data.",
        why: "Django answers pages with an error (ZoneInfoNotFoundError) although the health check says 200.",
        remedy: "Install the Debian package tzdata:\n    apt install tzdata",
    }
    PKG_REQUIREMENTS = "PKG-021" "requirements-unusable" Warning ByHand {
        "A requirements file, or a line of it, cannot be used.",
        why: "pip stops at it, and what it asks for was not compared with what is installed.",
        remedy: "Correct the named line.",
    }
    PKG_UNPINNED = "PKG-022" "requirements-unpinned" Note ByHand {
        "Requirements name no exact version.",
        why: "The next installation may bring other versions than the ones that are known to work.",
        remedy: "Write the versions that are installed now into a constraints file:\n    VENV/bin/python3 -m pip freeze",
    }
    PKG_UNUSED = "PKG-023" "distribution-missing-unused" Warning ByHand {
        "A distribution that the requirements ask for is not installed, although the service answers.",
        why: "Either nothing needs it, or the page that does will fail when somebody asks for it.",
        remedy: "Install the requirements into the environment, as the user who owns it, or take the line out.",
    }

    // ---- APP: the application -------------------------------------------------------------------
    APP_IMPORT = "APP-001" "app-import" Error ByHand {
        "The application needs a Python module that cannot be imported.",
        why: "gunicorn loads the application before it answers; a failing import ends every start.",
        remedy: "Install what the requirements of the application name into its virtual environment (meats-deploy apply does it), or correct the name in the code. What is installed:\n    meats-diagnose",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_SETTINGS = "APP-002" "app-settings" Error ByHand {
        "The settings of the application could not be loaded.",
        why: "Django refuses to work with settings that raise an error; every start ends there.",
        remedy: "The record names the file and the line; correct it there, or correct DJANGO_SETTINGS_MODULE. What the service gets from the env file:\n    meats-env check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_OBJECT = "APP-003" "app-object" Error ByHand {
        "gunicorn did not find the application object, or what it found is no application.",
        why: "The last word of the gunicorn command names a module and an object in it; without that object there is nothing to serve.",
        remedy: "Correct application in fixes.conf (or the ExecStart= line of your own unit) to MODULE:OBJECT, usually NAME.wsgi:application.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_DOWN = "APP-004" "app-database-down" Error ByHand {
        "The application could not reach its database.",
        why: "An application that asks its database while it loads cannot start without it.",
        remedy: "Start the database and see that it listens where DATABASE_URL says:\n    systemctl status 'postgresql@*'",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_REFUSED = "APP-005" "app-database-refused" Error ByHand {
        "The database refused the application: role, password, database name or right.",
        why: "The database runs, but not for this application.",
        remedy: "Compare role, password and name in the env file with those of the database; the record has the words of the database.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DRIVER = "APP-006" "app-driver" Error ByHand {
        "The Python driver of the database is missing or half installed.",
        why: "Django loads the driver at the start when the settings name that kind of database.",
        remedy: "Install it into the virtual environment, for example psycopg[binary], or psycopg with the Debian package libpq5.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_PORT_BUSY = "APP-007" "app-port-busy" Error ByHand {
        "The address that gunicorn should listen at is taken by another process.",
        why: "gunicorn tries for five seconds and gives up; often the holder is a gunicorn that somebody started by hand.",
        remedy: "See who holds it, and stop that or choose another address in fixes.conf. Nothing here kills it for you:\n    ss -ltnp",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_BIND = "APP-008" "app-bind" Error ByHand {
        "gunicorn could not make its listening socket.",
        why: "A path in a directory of root's (such as /run), something else at the path, or a low port: the service user may not make it.",
        remedy: "Let systemd hold the address (activation = yes in fixes.conf), or choose a path below the runtime directory of the service.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_PID_FILE = "APP-009" "app-pid-file" Error ByHand {
        "gunicorn found a pid file that names a living process and took it for itself.",
        why: "After a reboot the number may belong to any process; gunicorn then refuses to start.",
        remedy: "Leave --pid out of the gunicorn command: systemd knows the process without it.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_WORKER_BOOT = "APP-010" "app-worker-boot" Error ByHand {
        "A worker of gunicorn died while it loaded the application.",
        why: "gunicorn ends (status 3, or 1) when a worker cannot boot.",
        remedy: "The reason is in the error log of gunicorn; with preload = yes in fixes.conf it is in the journal too.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_WORKER_TIMEOUT = "APP-011" "app-worker-timeout" Warning ByHand {
        "Workers of gunicorn were silent for longer than the timeout and were killed.",
        why: "Each takes its requests with it; visitors see an empty reply or 502.",
        remedy: "Find what is slow (database, another server, a huge upload), or raise timeout in fixes.conf.",
    }
    APP_OOM = "APP-012" "app-out-of-memory" Error ByHand {
        "The kernel or systemd killed the service because memory ran out.",
        why: "It is killed at the worst moment, requests included, and will be again.",
        remedy: "Fewer workers or threads in fixes.conf, more memory, or find the leak; the record has the memory at that moment.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_LOG = "APP-013" "app-log" Error ByHand {
        "The application could not open a log file of its own.",
        why: "Django's logging set-up fails as a whole, and with it the start; a sandbox that makes the directory read-only does the same as wrong rights.",
        remedy: "Give the file to the service user, add its directory to writable in fixes.conf, or let the application log to the console.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_ENV_VALUE = "APP-014" "app-env-value" Error ByHand {
        "The application could not read a value of the env file: missing, or not of the kind it expects.",
        why: "python-decouple raises an error for a missing key and for a boolean or number that is none; every start ends there.",
        remedy: "Look at the keys (values are not shown), and correct the one that the record names:\n    meats-env check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_EXCEPTION = "APP-015" "app-exception" Error ByHand {
        "The application ended with an exception.",
        why: "It is raised while the application loads, or where nothing catches it.",
        remedy: "The record has the last frame in the application and the whole traceback:\n    meats-diagnose failures",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_SYNTAX = "APP-016" "app-syntax" Error ByHand {
        "A Python file of the application has a syntax error.",
        why: "Python cannot load it; with a release made for a newer Python this happens after an upgrade too.",
        remedy: "Correct the line that the record names, or deploy the release before it:\n    meats-deploy rollback",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_VENV = "APP-017" "app-venv-broken" Error ByHand {
        "gunicorn itself, or something it needs, is missing from the virtual environment.",
        why: "A virtual environment made for another Python (after a release upgrade), or a setuptools without pkg_resources under an old gunicorn.",
        remedy: "Make the virtual environment anew:\n    meats-deploy apply",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_OPTION = "APP-018" "app-option" Error ByHand {
        "gunicorn did not accept an option or its configuration file.",
        why: "It prints its usage and ends before anything else.",
        remedy: "Correct extra_args in fixes.conf, the ExecStart= line of your own unit, or gunicorn.conf.py.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DATABASE_URL = "APP-019" "app-database-url" Error Asks {
        "DATABASE_URL could not be understood.",
        why: "Characters such as # / ? [ in the password must be percent-encoded; an unknown scheme is refused.",
        remedy: "Percent-encode the password in the URL; meats-env proposes it:\n    meats-env check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DENIED = "APP-020" "app-file-denied" Error ByHand {
        "The application was not allowed to open or make a file.",
        why: "The service user lacks the right, or the sandbox of the unit makes the place read-only.",
        remedy: "Give the service user the right on that path alone, or add its directory to writable in fixes.conf.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    APP_DISK_FULL = "APP-021" "app-disk-full" Error ByHand {
        "A file system was full when the service needed to write.",
        why: "Logs, uploads and the database need room; what is not written is lost.",
        remedy: "Make room; the record says how full each file system was:\n    df -h; df -i",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }

    // ---- NET: listening, HTTP, nginx ------------------------------------------------------------
    NET_NO_LISTENER = "NET-001" "no-listener" Error ByHand {
        "Nothing listens at an address where the service should answer.",
        why: "Every request is refused; nginx answers 502.",
        remedy: "Start the service and look at its state:\n    systemctl start projectmeats\n    systemctl status projectmeats",
    }
    NET_UNHEALTHY = "NET-002" "unhealthy" Error ByHand {
        "The service runs but does not say that it is well.",
        why: "Visitors see errors although the process is alive; often the database or a setting is the cause.",
        remedy: "Read the last lines of its log:\n    journalctl -u projectmeats -n 50 --no-pager",
    }
    NET_BAD_HOST = "NET-003" "host-not-allowed" Error ByHand {
        "The application refuses the host name that it was asked for.",
        why: "Django answers 400 to every request whose Host header is not in ALLOWED_HOSTS.",
        remedy: "Add the name to ALLOWED_HOSTS in the env file and restart, or set host in [health] of fixes.conf to a name that the site serves.",
    }
    NET_REDIRECT = "NET-004" "health-redirects" Warning ByHand {
        "The health path answers with a redirect.",
        why: "A redirect says nothing about the application: the answer may come from SECURE_SSL_REDIRECT alone.",
        remedy: "Set path in [health] of fixes.conf to one that answers 200, or exempt it from the redirect.",
    }

    // ---- DBS: the database ----------------------------------------------------------------------
    DBS_UNREACHABLE = "DBS-001" "database-unreachable" Error ByHand {
        "A real query with the service's own settings failed.",
        why: "Every page that needs data fails, and no migration can run. \"systemctl status postgresql\" proves nothing: on Debian that unit is active even when the cluster is down.",
        remedy: "The exception says whether the server, the password or the database is wrong. The server's own state:\n    pg_lsclusters\n    systemctl status 'postgresql@*'",
        leads_to: ["NET-001"],
    }
    DBS_AHEAD = "DBS-002" "database-ahead" Warning ByHand {
        "The database has migrations that this code does not know.",
        why: "The code was set back, or another release migrated the database. Django says \"No migrations to apply\" and the first query of a changed table fails.",
        remedy: "Deploy the code that has these migrations, or reverse them with it:\n    manage.py migrate APP NAME",
    }
    DBS_RISKY = "DBS-003" "migration-risky" Warning ByHand {
        "A pending migration does more than add.",
        why: "Migrations run while the old code still serves: what they rename or remove is missing for it until the restart, and for a rollback for good.",
        remedy: "Deploy in a quiet hour, with a dump of the database, or split the change: first a release that does without, then one that removes.",
    }

    // ---- DSK: disks -----------------------------------------------------------------------------
    DSK_FULL = "DSK-001" "disk-full" Error ByHand {
        "A file system that the service writes to is full.",
        why: "Log lines, uploads and database writes fail; repairs cannot be written.",
        remedy: "See what fills it, and make room:\n    df -h\n    df -i",
        leads_to: ["NET-002"],
    }
    DSK_LOW = "DSK-002" "disk-low" Warning ByHand {
        "A file system that the service writes to has less than 2 % free.",
        why: "When it is full, log lines, uploads and database writes fail.",
        remedy: "See what fills it, and make room:\n    df -h",
    }

    // ---- CAP: failure capture -------------------------------------------------------------------
    CAP_UNKNOWN = "CAP-001" "cause-unknown" Error ByHand {
        "The service failed and nothing that was looked at says why.",
        why: "The record has everything that was seen; a guess would send you the wrong way.",
        remedy: "Read the last lines in the record, then look at the host:\n    meats-diagnose failures\n    meats-diagnose",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_KILLED = "CAP-002" "killed" Error ByHand {
        "Somebody or something killed the service by a signal.",
        why: "systemd did not send it and no shortage of memory was reported; a person, a script or another guard of the host did.",
        remedy: "Look for kill, pkill and the like in the log of sudo and in cron around that time:\n    journalctl --since -1h _COMM=sudo + _COMM=cron",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_CRASHED = "CAP-003" "crashed" Error ByHand {
        "The Python process crashed inside compiled code.",
        why: "A fault in an extension module or in Python itself; Python code alone cannot do this.",
        remedy: "See whether a wheel does not fit this Python or processor; with systemd-coredump installed:\n    coredumpctl info",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_START_TIMEOUT = "CAP-004" "start-timeout" Error ByHand {
        "The service was not ready in the time that the unit allows, and systemd ended it.",
        why: "With Type=notify gunicorn must say that it is ready; an application that waits while it loads (for a database, for the network) does not come so far.",
        remedy: "The last lines in the record show how far it came. If it is only slow, raise TimeoutStartSec= of the unit.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_STOP_TIMEOUT = "CAP-005" "stop-timeout" Warning ByHand {
        "The service did not end in the time that the unit allows for a stop, and systemd killed it.",
        why: "Requests that were still running were cut.",
        remedy: "TimeoutStopSec= must be longer than the graceful timeout of gunicorn; the generated unit makes it 10 seconds longer.",
    }
    CAP_WATCHDOG = "CAP-006" "watchdog" Error ByHand {
        "The service missed its watchdog and systemd ended it.",
        why: "WatchdogSec= in the unit expects a sign of life that gunicorn does not send.",
        remedy: "Leave WatchdogSec= out of the unit; gunicorn guards its workers by its own timeout.",
        leads_to: ["SVC-001", "SVC-002"],
    }
    CAP_PRE_START = "CAP-007" "pre-start-failed" Error ByHand {
        "A command that runs before the service (ExecStartPre=) failed, so the service was not started.",
        why: "systemd starts nothing after it.",
        remedy: "The message of that command is in the record. What our own helper stopped, it also explains:\n    meats-diagnose",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_EXEC = "CAP-008" "exec-failed" Error ByHand {
        "systemd could not execute the program of the service (203/EXEC).",
        why: "The file is not executable for the service user, lies below a directory that it may not enter, or its first line names an interpreter that is gone (a moved virtual environment).",
        remedy: "The record names the program. If the interpreter is gone, make the virtual environment anew:\n    meats-deploy apply",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_CHDIR = "CAP-009" "working-directory" Error ByHand {
        "systemd could not enter the working directory of the service (200/CHDIR).",
        why: "It is missing, or the service user may not enter one of the directories above it (ProtectHome= hides those below /home).",
        remedy: "Correct working_directory in fixes.conf, or give the service user the right to enter (x) on the directory that refuses.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_NAMESPACE = "CAP-010" "namespace" Error ByHand {
        "systemd could not set up the sandbox of the service (226/NAMESPACE).",
        why: "A path in ReadWritePaths= or the like does not exist; then no command of the unit runs at all.",
        remedy: "Make the path, or write a dash before it in the unit: ReadWritePaths=-PATH.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_OUTPUT = "CAP-011" "output-file" Error ByHand {
        "systemd could not open the output file of the service (209/STDOUT).",
        why: "StandardOutput=append:PATH or file:PATH cannot be opened; then no command of the unit runs at all.",
        remedy: "Let the unit log to the journal (StandardOutput=journal), or mend the path.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_SETUP = "CAP-012" "setup-failed" Error ByHand {
        "systemd could not set up the process of the service.",
        why: "Statuses 200 to 245 come from systemd itself, before the program runs (systemd.exec(5), \"Process Exit Codes\").",
        remedy: "The message of systemd in the record names what failed; correct that line of the unit:\n    systemctl cat projectmeats",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_RESOURCES = "CAP-013" "resources" Error ByHand {
        "systemd could not prepare the start: something that the unit needs is missing.",
        why: "An EnvironmentFile= without a dash that is missing or unreadable is the usual case; then no command of the unit runs at all, our repair neither.",
        remedy: "Make the file, or write a dash before it in the unit: EnvironmentFile=-PATH.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_START_LIMIT = "CAP-014" "start-limit" Error ByHand {
        "systemd gave up: too many starts in too short a time.",
        why: "It does not start the service again by itself; the cause is that of the starts before.",
        remedy: "Mend the cause, then:\n    systemctl reset-failed projectmeats\n    systemctl start projectmeats",
        leads_to: ["SVC-001", "NET-001"],
    }
    CAP_NOT_READY = "CAP-015" "ended-before-ready" Error ByHand {
        "The program ended with status 0 before it said that it was ready.",
        why: "Type=notify expects a service that stays; a gunicorn with --daemon, or older than 20.0, does not fit it.",
        remedy: "Leave --daemon out of the gunicorn command; with a gunicorn older than 20.0 use Type=simple.",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    CAP_RUNTIME_LIMIT = "CAP-016" "runtime-limit" Warning ByHand {
        "The service reached the longest run time that its unit allows, and systemd ended it.",
        why: "RuntimeMaxSec= is set in the unit.",
        remedy: "Leave RuntimeMaxSec= out of the unit; gunicorn renews its workers by --max-requests.",
    }
    CAP_CONDITION = "CAP-017" "condition" Error ByHand {
        "A condition or assertion of the unit did not hold, so the service was not started.",
        why: "Condition...= and Assert...= are checked before anything else.",
        remedy: "The message of systemd in the record names the line of the unit.",
        leads_to: ["SVC-001", "NET-001"],
    }

    // ---- DEP: deployment ------------------------------------------------------------------------
    DEP_NO_PROJECT = "DEP-001" "no-project" Error ByHand {
        "There is no Django project (manage.py) in the working directory.",
        why: "Without it there is nothing to check, migrate or start.",
        remedy: "Put the code there, or correct working_directory in fixes.conf:\n    meats-diagnose config",
    }
    DEP_NO_VENV = "DEP-002" "no-venv-program" Error ByHand {
        "A program of the virtual environment is missing.",
        why: "The service starts gunicorn from there, and manage.py runs with its interpreter.",
        remedy: "Make the environment and install the requirements, as the service user or another one without rights:\n    cd /opt/projectmeats\n    python3 -m venv venv\n    venv/bin/pip install -r backend/requirements.txt",
        leads_to: ["SVC-001", "NET-001"],
    }
    DEP_SPACE = "DEP-003" "low-space" Error ByHand {
        "Too little space is left for a deployment.",
        why: "A disk that fills up in the middle of it stops the service and the database, too.",
        remedy: "Make room, then look again:\n    meats-deploy check",
    }
    DEP_APP_LOAD = "DEP-004" "application-does-not-load" Error ByHand {
        "The application cannot be loaded as the service would load it.",
        why: "gunicorn would end at once with this exception; a restart now takes the site down.",
        remedy: "Mend the code or install what it imports, then look again:\n    meats-deploy check",
        leads_to: ["SVC-001", "SVC-002", "NET-001"],
    }
    DEP_DEBUG = "DEP-005" "debug-settings" Warning ByHand {
        "The service would run with DEBUG on.",
        why: "Every error page then shows settings and source code to the visitor, and memory grows with each query.",
        remedy: "Set DEBUG to False in the env file, or settings_module in fixes.conf to the production settings:\n    meats-env set DEBUG",
    }
    DEP_NO_SYSTEMD = "DEP-006" "no-systemd" Error ByHand {
        "systemd does not run here.",
        why: "A deployment ends with a restart of the service by systemd.",
        remedy: "Run it on the host itself, not in a chroot or a container without systemd.",
    }
    DEP_CHILD = "DEP-007" "step-failed" Error ByHand {
        "A command of a deployment step failed.",
        why: "What comes after it was not done; the account says what was undone and what is live.",
        remedy: "Its own last lines are in the account, all of them in the log that it names.",
    }
    DEP_LAYOUT = "DEP-008" "no-release-layout" Error ByHand {
        "The settings do not point into a link that a deployment could switch.",
        why: "With code and environment in one fixed place the old state is overwritten by the new one, and there is no way back.",
        remedy: "Set the paths that the message names in fixes.conf, move uploads below shared/, then deploy with --from:\n    meats-deploy apply --from DIRECTORY",
    }
    DEP_NOT_ROOTS = "DEP-009" "releases-not-roots" Error ByHand {
        "The directory of the releases can be changed by somebody other than root.",
        why: "Root unpacks and builds there; whoever can exchange a directory under its hands has root write anywhere.",
        remedy: "Give the directory itself to root; what lies in it keeps its owners:\n    chown root:root /opt/projectmeats\n    chmod 755 /opt/projectmeats",
    }
    DEP_SOURCE = "DEP-010" "source-unusable" Error ByHand {
        "What --from names cannot be deployed.",
        why: "A release needs the project directory with manage.py, and a requirements.txt for its environment.",
        remedy: "Name a directory, or an archive that tar reads, which holds both.",
    }
    DEP_INTERRUPTED = "DEP-011" "deployment-interrupted" Warning Asks {
        "A deployment was interrupted between the switch and its end.",
        why: "The release that is current has not been seen to be healthy.",
        remedy: "The next apply or rollback first goes back to the release before; so does:\n    meats-deploy rollback",
    }
    DEP_NO_RELEASE = "DEP-012" "no-such-release" Error ByHand {
        "There is no complete release to go to.",
        why: "Only a release that has been live and healthy is gone back to.",
        remedy: "See what there is:\n    meats-deploy releases",
    }

    // ---- DOC: the Docker fallback ---------------------------------------------------------------
    DOC_KEY_DIFFERS = "DOC-001" "key-not-portable" Warning ByHand {
        "The value of a key would be read differently by docker-compose from an env file, so .env.prod leaves it out.",
        why: "No file encoding carries every value: docker-compose 1.29 expands ${...} even in single quotes and loses following lines after a backslash at the end; Compose 2 has fewer such cases.",
        remedy: "meats-deploy docker up hands every value over without a file. Who runs compose by hand exports this key first, or chooses a value without ' $ ` \\ together.",
    }
    DOC_REWRITTEN = "DOC-002" "value-rewritten" Note ByHand {
        "A value differs inside the containers.",
        why: "What is 127.0.0.1 for the host is the container itself inside of it.",
        remedy: "Nothing is to be done; the env file of the host stays as it is.",
    }
    DOC_NO_COMPOSE = "DOC-003" "no-compose" Error ByHand {
        "Neither the compose plugin of docker nor docker-compose is installed.",
        why: "The stack is started by it.",
        remedy: "Install both from Debian:\n    apt install docker.io docker-compose",
    }
    DOC_REJECTED = "DOC-004" "compose-rejects" Error ByHand {
        "Compose does not accept the written set.",
        why: "Nothing can be started from it.",
        remedy: "Write it again, or correct what compose names:\n    meats-deploy docker init",
    }
    DOC_PLACE = "DOC-005" "docker-directory-not-roots" Error ByHand {
        "The directory of the set can be changed by somebody other than root.",
        why: "Whoever changes a compose file that root starts is root.",
        remedy: "Give the directory and those above it to root, or keep the set elsewhere:\n    meats-deploy docker init --dir /etc/projectmeats/docker",
    }
    DOC_MISSING = "DOC-006" "docker-set-missing" Error ByHand {
        "A file of the Docker set does not exist.",
        why: "Compose reads it.",
        remedy: "Write the set:\n    meats-deploy docker init",
    }
    DOC_LOOPBACK = "DOC-007" "loopback-value" Warning ByHand {
        "A value points at this host by 127.0.0.1 or localhost.",
        why: "Inside a container that is the container itself, and nothing answers there.",
        remedy: "Let that server listen at an address that containers reach, and write that address into the env file.",
    }
    DOC_DATABASE = "DOC-008" "no-database-for-docker" Error ByHand {
        "The database of this host cannot be used from containers as it is set.",
        why: "A stack without its data would start with an empty database, or not at all.",
        remedy: "Set a URL with user and password, as containers need one:\n    meats-env set DATABASE_URL",
    }
    DOC_KEY_REFUSED = "DOC-009" "key-not-passed" Warning ByHand {
        "A key of the env file steers compose or docker itself, so it does not reach the containers.",
        why: "Compose runs as root and obeys such variables (DOCKER_HOST, PYTHONPATH, proxies).",
        remedy: "Give the variable another name, or write it into a file of its own below the set for compose to read.",
    }
    DOC_PASSWORD = "DOC-010" "password-not-ascii" Error ByHand {
        "The password of the database is empty or has characters outside ASCII.",
        why: "PostgreSQL normalises such passwords before it checks them; what this program would store could never match.",
        remedy: "Choose a password of ASCII characters:\n    meats-env set DATABASE_URL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_well_formed() {
        for (i, kind) in ALL.iter().enumerate() {
            let (group, number) = kind.id.split_once('-').expect("GROUP-NNN");
            assert!(
                group.len() == 3 && group.bytes().all(|b| b.is_ascii_uppercase()),
                "{}",
                kind.id
            );
            assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{}", kind.id);
            assert!(kind.summary.ends_with('.') && !kind.why.is_empty() && !kind.remedy.is_empty());
            for other in ALL.iter().skip(i + 1) {
                assert_ne!(kind.id, other.id);
                assert_ne!(kind.name, other.name);
            }
        }
    }

    #[test]
    fn every_consequence_exists() {
        for kind in ALL {
            for id in kind.leads_to {
                assert!(by_word(id).is_some(), "{} leads to unknown {id}", kind.id);
            }
        }
    }
}
