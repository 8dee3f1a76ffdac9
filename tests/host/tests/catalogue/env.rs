//! The env file.

use super::{Case, answered, pasted, person};

pub(super) const CASES: &[Case] = &[
    pasted("F09", "a doubled equals sign before a switch", "ENV-060", "key DEBUG =False; kick"),
    pasted(
        "F09",
        "a doubled equals sign before the key",
        "ENV-022",
        "sed -i 's/^SECRET_KEY=/&=/' $E",
    ),
    pasted(
        "F10",
        "an unquoted parenthesis",
        "ENV-011",
        "key EMAIL_HOST_PASSWORD 'pa$$w0rd(1)&more#x'",
    ),
    person(
        "F18",
        "a second env file says otherwise",
        "ENV-018",
        "printf 'DEBUG=True\\n' >$APP/.env.production",
        "rm $APP/.env.production",
    ),
    pasted(
        "F12",
        "sed pasted the placeholder into the key",
        "ENV-034",
        "key SECRET_KEY 'k7mq2xv9p0wsyour-secret-key-herey1u5io8ad3fg6hj'; kick",
    ),
    pasted("F13", "export before a key", "ENV-004", "sed -i 's/^DEBUG=/export DEBUG=/' $E"),
    pasted("F13", "a byte order mark", "ENV-006", r"sed -i '1s/^/\xef\xbb\xbf/' $E"),
    pasted(
        "F14",
        "a quote that is not closed",
        "ENV-021",
        "sed -i '1iCOMPANY=\"unterminated' $E; kick",
    ),
    pasted("F13", "a byte that is no UTF-8", "ENV-051", "printf 'CITY=K\\366ln\\n' >>$E; kick"),
    pasted("F13", "NUL bytes at the end", "ENV-052", "head -c 64 /dev/zero >>$E; kick"),
    pasted("F20", "an empty env file", "ENV-049", "printf x | meats-env set COMPANY; : >$E; kick"),
    pasted("F15", "the key is empty", "ENV-055", "key SECRET_KEY ''; kick"),
    pasted(
        "F16",
        "the key has a name that nothing reads",
        "ENV-063",
        "sed -i 's/^SECRET_KEY=/DJANGO_SECRET_KEY=/' $E; kick",
    ),
    pasted("F16", "no key at all", "ENV-016", "key SECRET_KEY; key DJANGO_SECRET_KEY; kick"),
    pasted("F17", "the key of the template", "ENV-035", "key SECRET_KEY change-me; kick"),
    pasted(
        "F20",
        "no env file",
        "ENV-091",
        "key COMPANY x; printf y | meats-env set COMPANY; rm $E; kick",
    ),
    pasted("F21", "readable by everybody", "ENV-090", "chmod 644 $E"),
    pasted(
        "F22",
        "a blank behind a comma",
        "ENV-058",
        "key ALLOWED_HOSTS \"'localhost, 127.0.0.1'\"; kick",
    ),
    answered("F22", "no host is allowed", "ENV-057", "key ALLOWED_HOSTS ''; kick", "localhost"),
    pasted("F23", "a switch that is none", "ENV-060", "key DEBUG Flase; kick"),
    pasted(
        "F24",
        "an origin without a scheme",
        "ENV-061",
        "key CSRF_TRUSTED_ORIGINS meats.example.com; kick",
    ),
    pasted(
        "F25",
        "a settings module that does not exist",
        "APP-002",
        "key DJANGO_SETTINGS_MODULE nope.settings; kick",
    ),
    pasted(
        "F26",
        "DATABASE_URL of a mistyped kind",
        "ENV-059",
        "key DATABASE_URL sqilte:////opt/projectmeats/backend/data/db.sqlite3; kick",
    ),
    answered(
        "F26",
        "DATABASE_URL of an unknown kind",
        "ENV-059",
        "key DATABASE_URL mongodb://u:p@localhost/x; kick",
        "sqlite:////opt/projectmeats/backend/data/db.sqlite3",
    ),
    pasted(
        "F55",
        "the key is published",
        "ENV-067",
        "key SECRET_KEY django-insecure-dev-key-change-in-production-3k2j5h2k5j3h5k2j3h5k2j3; kick",
    ),
    pasted("F63", "a variable of the loader", "ENV-046", "key LD_PRELOAD /nonexistent.so; kick"),
];
