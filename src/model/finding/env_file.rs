//! ENV: the env file.

use super::{Kind, Repair, Severity};

kinds! {
    EXPORT_PREFIX = "ENV-004" "export-prefix" Error Automatic {
        "A line begins with the word export.",
        why: "A shell reads the line; systemd drops it and logs it with its value. The program starts without the key, often with an unsafe default, and nothing says so.",
        remedy: "Remove the word; the value stays as it is:\n    meats-env fix\nThe journal has the old line with its value: if it was a secret, change it.",
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        leads_to: ["ENV-016", "ENV-057"],
    }
    SECRET_KEY_MISSING = "ENV-016" "secret-key-missing" Error Asks {
        "SECRET_KEY is not set.",
        why: "The application then signs sessions with the key in its source code, which anybody can read. There is no symptom.",
        remedy: "Put a fresh one into the file, and restart the service:\n    meats-env generate --key SECRET_KEY\n    systemctl restart projectmeats",
        leads_to: ["APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
    }
    UNBALANCED_QUOTE = "ENV-021" "unbalanced-quote" Error Asks {
        "A quote is not closed, or closed without being opened.",
        why: "systemd takes the following lines into the value, up to the next quote or the end of the file, without a message.",
        remedy: "Close the quote where it belongs:\n    meats-env fix --interactive",
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        remedy: "Decide what the value is; it is proposed as systemd reads it, or set it anew:\n    meats-env fix --interactive\n    meats-env set KEY",
    }
    SHELL_QUOTE_SPLICE = "ENV-025" "shell-quote-splice" Warning Asks {
        "A value has an apostrophe written the way of shells.",
        why: "systemd reads a stray quote.",
        remedy: "Use double quotes:\n    meats-env fix --interactive",
    }
    ANSI_C_QUOTE = "ENV-026" "ansi-c-quote" Warning Asks {
        "A value is written in the dollar quotes of bash.",
        why: "systemd reads the dollar and the quotes as letters.",
        remedy: "Write the value itself:\n    meats-env fix --interactive\n    meats-env set KEY",
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
        remedy: "Use plain quotes:\n    meats-env fix --interactive\n    meats-env set KEY",
    }
    INVISIBLE_CHAR = "ENV-033" "invisible-char" Warning Asks {
        "A key or value has a character that cannot be seen or told from another.",
        why: "It came from a web page or a word processor; the key or value is not what it looks like.",
        remedy: "Take the proposal if there is one, else type the value anew:\n    meats-env fix --interactive\n    meats-env set KEY",
    }
    SED_AMPERSAND = "ENV-034" "sed-ampersand" Warning Asks {
        "A value has the text of a placeholder, or its own key, inside.",
        why: "sed put it there for each & of the new value. What was to be the value is lost, but what stands there may be in use.",
        remedy: "Where the value can be told it is proposed, else set it anew; a key that signs only if nobody has signed with it yet:\n    meats-env fix --interactive\n    meats-env set KEY",
    }
    PLACEHOLDER = "ENV-035" "placeholder" Warning Asks {
        "A value is still the placeholder of a template.",
        why: "Everybody knows it.",
        remedy: "Set the real value; it is asked for, or read from standard input:\n    meats-env set KEY",
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
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
    }
    YAML_LIST_ITEM = "ENV-038" "yaml-list-item" Error Asks {
        "A line is an item of a YAML list.",
        why: "systemd drops the line.",
        remedy: "Remove the dash:\n    meats-env fix --interactive",
    }
    MERGE_CONFLICT = "ENV-039" "merge-conflict" Error Asks {
        "The file has the marks of a merge conflict.",
        why: "systemd reads both sides; the last one wins.",
        remedy: "Keep one side and delete the marks; the side that systemd takes is proposed:\n    meats-env fix --interactive",
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
        remedy: "Type the value anew:\n    meats-env set KEY",
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
        remedy: "Bring back the newest backup, or generate a file:\n    meats-env restore\n    meats-env generate",
        leads_to: ["APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
    }
    INVALID_UTF8_COMMENT = "ENV-050" "invalid-utf8-comment" Warning ByHand {
        "A comment is not UTF-8.",
        why: "systemd does not mind; Python readers stop with an error.",
        remedy: "Save the file as UTF-8, or give the comment up:\n    meats-env check",
    }
    INVALID_UTF8 = "ENV-051" "invalid-utf8" Error Refused {
        "A key or value is not UTF-8.",
        why: "systemd refuses the whole file: the service gets nothing of it.",
        remedy: "Write that value in UTF-8:\n    meats-env fix --interactive",
        leads_to: ["SVC-001", "NET-001", "APP-002", "APP-014", "APP-015", "SVC-002", "NET-002", "NET-003"],
    }
    NUL_BYTE = "ENV-052" "nul-byte" Error Refused {
        "The file has a NUL byte.",
        why: "systemd refuses the whole file: the service gets nothing of it. After a power failure the end of a file is often full of them.",
        remedy: "Cut the NUL bytes off, or bring back a backup:\n    meats-env fix --interactive\n    meats-env restore --list",
        leads_to: ["SVC-001", "NET-001", "APP-002", "APP-014", "APP-015", "SVC-002", "NET-002", "NET-003"],
    }
    UTF16 = "ENV-053" "utf16" Error Refused {
        "The file is UTF-16.",
        why: "systemd refuses the whole file: the service gets nothing of it.",
        remedy: "Save the file as UTF-8 without a byte order mark.",
        leads_to: ["SVC-001", "NET-001", "APP-002", "APP-014", "APP-015", "SVC-002", "NET-002", "NET-003"],
    }
    DEBUG_ON = "ENV-054" "debug-on" Warning Asks {
        "DEBUG is on.",
        why: "Error pages show settings and source code to every visitor, and memory grows.",
        remedy: "Turn it off:\n    meats-env fix --interactive",
    }
    SECRET_KEY_EMPTY = "ENV-055" "secret-key-empty" Error Asks {
        "SECRET_KEY is empty.",
        why: "The service starts and answers every request with 500.",
        remedy: "Generate one:\n    meats-env generate --key SECRET_KEY",
        leads_to: ["SVC-001", "APP-002", "APP-014", "APP-015", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        leads_to: ["NET-003"],
    }
    ALLOWED_HOSTS_MALFORMED = "ENV-058" "allowed-hosts-malformed" Warning Asks {
        "ALLOWED_HOSTS has an entry that cannot match.",
        why: "A blank, a quote, a bracket, a scheme, a port or *. in an entry makes that host answer 400; all names below one are .NAME.",
        remedy: "Write names only, with commas and without blanks:\n    meats-env fix --interactive",
    }
    DATABASE_URL_MALFORMED = "ENV-059" "database-url-malformed" Error Asks {
        "DATABASE_URL is empty, has an unknown scheme, or no host and port that can be read.",
        why: "The application stops when it loads, or fails at the first query.",
        remedy: "It has the form postgres://USER:PASSWORD@HOST:PORT/NAME or sqlite:////path:\n    meats-env set DATABASE_URL",
        leads_to: ["APP-019", "APP-004", "APP-005", "APP-002", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    NOT_BOOLEAN = "ENV-060" "not-boolean" Error Asks {
        "A switch has a value that is neither true nor false, or a number is none.",
        why: "The application stops when it loads.",
        remedy: "Write True or False, or digits; where the word can be told, it is proposed:\n    meats-env fix --interactive\n    meats-env set DEBUG",
        leads_to: ["SVC-001", "APP-014", "APP-015", "SVC-002", "NET-001", "NET-002"],
    }
    ORIGIN_SCHEME = "ENV-061" "origin-scheme" Warning Asks {
        "An origin has no scheme, or more than scheme, host and port.",
        why: "The service runs, but manage.py check fails and migrate refuses to run, or the origin never matches.",
        remedy: "Write https://HOST for each origin, with commas between them:\n    meats-env fix --interactive",
    }
    VALUE_TOO_LONG = "ENV-062" "value-too-long" Error ByHand {
        "A key with its value is longer than the kernel's limit of 131071 bytes.",
        why: "systemd reads it, and then no command of the unit can be executed (203/EXEC).",
        remedy: "Put the content into a file of its own.",
        leads_to: ["SVC-001", "CAP-008", "SVC-002", "NET-001", "NET-002"],
    }
    UNREAD_KEY = "ENV-063" "unread-key" Error Asks {
        "DJANGO_SECRET_KEY is set and SECRET_KEY is not.",
        why: "The application reads only SECRET_KEY: it signs with the key in its source code.",
        remedy: "Rename the key:\n    meats-env fix --interactive",
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
    STRAY_UNREADABLE = "ENV-066" "stray-file-unreadable" Error ByHand {
        "A settings.ini or .env above the settings cannot be read by the service user.",
        why: "python-decouple opens the first such file that it meets on its way up, and ends with PermissionError, although every key is in the environment.",
        remedy: "Move the file aside if nobody needs it, or let the service user read it; the report has the command for this host. What it would supply:\n    meats-env readers",
        leads_to: ["APP-020", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    PUBLISHED = "ENV-067" "published-value" Error Asks {
        "A secret of the file has a value that is published.",
        why: "It stands in the scripts, settings or documents of the project, which anybody can read: sessions can be forged with the key, and who reaches the database has its password.",
        remedy: "For the key (every user has to log in again):\n    meats-env generate --key SECRET_KEY\nFor the database give the role a new password, then write it into the URL:\n    runuser -u postgres -- psql\n    meats-env set DATABASE_URL",
    }
    MERGED_LINES = "ENV-068" "merged-lines" Error Asks {
        "A value has another assignment glued to its end.",
        why: "The line had no end when the next one was appended: the value is wrong, and the second key is not set.",
        remedy: "Put the second key on a line of its own:\n    meats-env fix --interactive",
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
    }
    UNIT_LINE = "ENV-069" "unit-line" Error Asks {
        "A line has the form of a setting in a unit.",
        why: "In an env file systemd takes the setting for the name of a variable: the keys behind it are not set.",
        remedy: "Write the assignments alone:\n    meats-env fix --interactive",
        leads_to: ["ENV-016", "ENV-057", "APP-002", "APP-014", "APP-015", "SVC-001", "SVC-002", "NET-001", "NET-002", "NET-003"],
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
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "APP-002", "APP-014", "APP-015", "NET-003"],
    }
    ENV_NOT_REGULAR = "ENV-092" "env-not-regular" Error Refused {
        "The path of the env file is not a regular file with one name.",
        why: "systemd reads it as PID 1: a FIFO there blocks the whole machine, a link or second name can be changed by somebody else.",
        remedy: "Put a regular file of root's in its place; a link that you want belongs into env_file in fixes.conf as the real path.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "NET-002", "CAP-013", "APP-002", "APP-014"],
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
}
