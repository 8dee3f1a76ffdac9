//! CFG: settings.

use super::{Kind, Repair, Severity};

kinds! {
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
}
