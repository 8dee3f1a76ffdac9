//! PKG: the venv and its distributions.

use super::{Kind, Repair, Severity};

kinds! {
    PKG_VENV_MISSING = "PKG-001" "venv-missing" Error ByHand {
        "The virtual environment is not there.",
        why: "The unit's program lies in it: systemd says \"Failed to locate executable\" and ends with status 203/EXEC.",
        remedy: "Make it and install the application's requirements, or set venv in fixes.conf to where it is.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_INTERPRETER_GONE = "PKG-002" "interpreter-gone" Error ByHand {
        "The Python that the virtual environment was made with is gone.",
        why: "bin/python3 is a link that leads nowhere, usually since a release upgrade of Debian removed that Python; every program of the environment fails with status 203/EXEC.",
        remedy: "Make the environment again with the Python that is there now and install the requirements:\n    python3 -m venv --clear VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_PYTHON_UPGRADED = "PKG-003" "python-upgraded" Error ByHand {
        "The virtual environment's packages belong to another Python than the one that runs now.",
        why: "Python looks for packages in lib/pythonX.Y of its own version and finds none: \"No module named 'gunicorn'\", status 1.",
        remedy: "Make the environment again with the Python that is there now and install the requirements:\n    python3 -m venv --clear VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_CFG_MISSING = "PKG-004" "pyvenv-cfg-missing" Error ByHand {
        "The virtual environment has no pyvenv.cfg.",
        why: "Without that file Python does not know that it is in an environment, looks for packages in the system's directories and does not find gunicorn.",
        remedy: "Make the environment again (its packages stay):\n    python3 -m venv --upgrade VENV",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_GUNICORN_MISSING = "PKG-005" "gunicorn-missing" Error ByHand {
        "The program that the unit starts is not there.",
        why: "systemd says \"Failed to locate executable\" and ends with status 203/EXEC.",
        remedy: "Install gunicorn into the environment, as the user who owns it:\n    VENV/bin/python3 -m pip install --force-reinstall --no-deps gunicorn",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_SHEBANG_GONE = "PKG-006" "gunicorn-interpreter-gone" Error ByHand {
        "The interpreter that gunicorn's first line names is not there.",
        why: "systemd says \"Failed to execute … No such file\" although the script exists: environments cannot be moved, the path of the interpreter is written into each script.",
        remedy: "Install gunicorn again, which writes its script anew; better, make the whole environment again where it is to stay.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_NOT_EXECUTABLE = "PKG-007" "gunicorn-not-executable" Error ByHand {
        "The service user may not execute the program that the unit starts.",
        why: "systemd says \"Permission denied\" and ends with status 203/EXEC.",
        remedy: "Give it back the mode that pip gives it:\n    chmod 755 VENV/bin/gunicorn",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_PKG_RESOURCES = "PKG-008" "gunicorn-needs-pkg-resources" Error ByHand {
        "This gunicorn needs pkg_resources and the environment has none.",
        why: "gunicorn before 21 imports pkg_resources, which is part of setuptools before 82; a new environment has no setuptools, or too new a one: \"No module named 'pkg_resources'\", status 1.",
        remedy: "Install a newer gunicorn, or, if the old one must stay, a setuptools that still has the module.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
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
        leads_to: ["PKG-018", "APP-006", "SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
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
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
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
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    PKG_DRIVER_MISSING = "PKG-018" "database-driver-missing" Error ByHand {
        "DATABASE_URL is for PostgreSQL and the environment has no driver for it.",
        why: "Django stops while loading: \"Error loading psycopg2 or psycopg module\".",
        remedy: "Install psycopg[binary] (Django 4.2 and newer) or psycopg2-binary into the environment.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-006", "APP-002", "NET-002"],
    }
    PKG_DRIVER_HALF = "PKG-019" "database-driver-half" Error ByHand {
        "psycopg is installed without the library that it needs.",
        why: "psycopg needs its binary part or the system's libpq5 and has neither: \"no pq wrapper available\".",
        remedy: "Install its binary part into the environment, or the Debian package libpq5.",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-006", "APP-002", "NET-002"],
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
        remedy: "Write the versions that are installed now into a constraints file, as the user who owns the environment:\n    VENV/bin/python3 -m pip freeze",
    }
    PKG_UNUSED = "PKG-023" "distribution-missing-unused" Warning ByHand {
        "A distribution that the requirements ask for is not installed, although the service answers.",
        why: "Either nothing needs it, or the page that does will fail when somebody asks for it.",
        remedy: "Install the requirements into the environment, as the user who owns it, or take the line out.",
    }
    PKG_SCRIPT = "PKG-025" "gunicorn-script" Error ByHand {
        "The program that the unit starts is not run by the Python of its environment.",
        why: "An empty script ends with \"Exec format error\" (203/EXEC), and the system's Python does not see what is installed in the environment: \"No module named 'gunicorn'\".",
        remedy: "Install gunicorn again, which writes its script anew, as the user who owns the environment:\n    VENV/bin/python3 -m pip install --force-reinstall --no-deps gunicorn",
        leads_to: ["SVC-001", "SVC-002", "NET-001", "APP-017", "APP-001", "CAP-008", "SVC-006", "NET-002"],
    }
    // PKG-024 was told to hosts that had no fault; the id is not used again.
}
