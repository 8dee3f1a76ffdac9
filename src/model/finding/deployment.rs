//! DEP: deployment.

use super::{Kind, Repair, Severity};

kinds! {
    DEP_NO_PROJECT = "DEP-001" "no-project" Error ByHand {
        "There is no Django project (manage.py) in the working directory.",
        why: "Without it there is nothing to check, migrate or start.",
        remedy: "Put the code there, or correct working_directory in fixes.conf:\n    meats-diagnose config",
        leads_to: ["PKG-001", "SVC-006", "APP-001", "APP-002", "CAP-009", "SVC-001", "SVC-002", "NET-001", "NET-002", "LOG-003"],
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
        "The directory of the application or of its releases can be changed by somebody other than root.",
        why: "Root unpacks and builds there; whoever can exchange a directory under its hands has root write anywhere.",
        remedy: "Give the directory itself to root, and move releases away that root did not make; what else lies in it keeps its owners:\n    chown root:root /opt/projectmeats\n    chmod 755 /opt/projectmeats\n    find /opt/projectmeats/releases -prune ! -user 0 -exec mv {} {}.old ';'",
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
    DEP_NOT_FRESH = "DEP-013" "not-a-fresh-host" Error ByHand {
        "The host already has a project outside of releases, so setup does not begin.",
        why: "Setup is for a host without the service; settings that it would write take a running one away from its code.",
        remedy: "Deploy what lies there, or move to releases as meats-deploy(8) says:\n    meats-deploy apply",
    }
    DEP_PACKAGES = "DEP-014" "packages-missing" Error ByHand {
        "Packages of Debian that the service needs are not installed.",
        why: "The database, the web server and the environment of a release come from them.",
        remedy: "Let setup install them, or use apt yourself:\n    meats-deploy setup --install ...",
    }
    DEP_SITE = "DEP-015" "site-not-ours" Error ByHand {
        "nginx has a site of this name that this program did not write.",
        why: "Somebody's own configuration is not replaced.",
        remedy: "Keep it and run setup without the web server, or move it away:\n    meats-deploy setup --no-web ...",
    }
}
