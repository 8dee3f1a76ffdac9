//! DBS: the database.

use super::{Kind, Repair, Severity};

kinds! {
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
    DBS_ROLE_EXISTS = "DBS-004" "role-without-password" Error ByHand {
        "PostgreSQL has the role of the service already, and nobody here knows its password.",
        why: "A new password would cut off whoever logs in with the old one.",
        remedy: "Write an env file whose DATABASE_URL has that password, then run setup again; or give the role up:\n    runuser -u postgres -- dropuser projectmeats",
    }
    DBS_DOWN = "DBS-005" "database-down" Error ByHand {
        "The database that DATABASE_URL names does not answer.",
        why: "The health page may still say 200; every page with data fails. On Debian postgresql.service is active even when the cluster is down.",
        remedy: "Start the cluster, or see that it listens where DATABASE_URL says:\n    pg_lsclusters",
        leads_to: ["DBS-001", "APP-002", "APP-004", "APP-005", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_LOGIN = "DBS-006" "database-login" Error ByHand {
        "The database does not take the role and password of DATABASE_URL.",
        why: "A script has made a new password that the database does not know, the role does not exist, or pg_hba.conf does not let it in.",
        remedy: "Give the role the password of the env file (psql asks for it, and shows nothing), or put the right one into the env file:\n    runuser -u postgres -- psql\n    meats-env set DATABASE_URL",
        leads_to: ["DBS-001", "APP-002", "APP-004", "APP-005", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_MISSING = "DBS-007" "database-missing" Error ByHand {
        "The database that DATABASE_URL names does not exist.",
        why: "The server runs and knows the role, and has no such database; every page with data fails.",
        remedy: "See what there is; create it with the role as its owner, or correct the name in DATABASE_URL:\n    runuser -u postgres -- psql --list\n    runuser -u postgres -- createdb --owner ROLE NAME",
        leads_to: ["DBS-001", "APP-002", "APP-004", "APP-005", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_SCHEMA = "DBS-008" "database-schema-right" Error ByHand {
        "The role may not make tables in its database.",
        why: "Since PostgreSQL 15 only the owner of a database may make tables in its schema public; GRANT ALL ON DATABASE does not give it, and migrate ends with \"permission denied for schema public\".",
        remedy: "Make the role the owner of the database, then migrate:\n    runuser -u postgres -- psql --command 'ALTER DATABASE NAME OWNER TO ROLE'\n    meats-deploy apply",
        leads_to: ["DBS-009", "DBS-001", "APP-002", "APP-004", "APP-005", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_MIGRATIONS = "DBS-009" "migrations-pending" Error ByHand {
        "The database lacks migrations of this code.",
        why: "The health page says 200, and every page that asks for a new table or column fails.",
        remedy: "Apply them, with everything else that belongs to a deployment:\n    meats-deploy apply",
        leads_to: ["DBS-001", "APP-002", "APP-004", "APP-005", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_FILE_MISSING = "DBS-010" "database-file-missing" Error ByHand {
        "The SQLite file that DATABASE_URL names does not exist.",
        why: "SQLite makes an empty one as soon as it is asked, and every page with data fails (\"no such table\"); without its directory it says \"unable to open database file\". A path with three slashes counts from the working directory, one with four from the root.",
        remedy: "Correct the path, put the file back from a backup, or make a new one with all tables:\n    meats-env set DATABASE_URL\n    meats-deploy apply",
        leads_to: ["DBS-009", "DBS-001", "APP-002", "APP-004", "APP-005", "APP-020", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
    DBS_FILE_CLOSED = "DBS-011" "database-file-closed" Error ByHand {
        "The service may not read and write the SQLite file, or make files beside it.",
        why: "Pages that only read may work, every change fails: \"attempt to write a readonly database\", \"unable to open database file\". SQLite needs the directory too: its journal lies beside the file. Mostly somebody ran manage.py as root.",
        remedy: "Give the file and its directory to the service user; where the sandbox is what forbids it, name the directory in writable of fixes.conf and restart. Run manage.py as the service user only:\n    runuser -u projectmeats -- /opt/projectmeats/venv/bin/python manage.py",
        leads_to: ["DBS-009", "DBS-001", "APP-002", "APP-004", "APP-005", "APP-020", "SVC-001", "SVC-002", "NET-001", "NET-002"],
    }
}
