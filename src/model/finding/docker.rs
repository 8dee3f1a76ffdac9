//! DOC: the Docker fallback.

use super::{Kind, Repair, Severity};

kinds! {
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
    DOC_STALE = "DOC-020" "docker-set-stale" Error ByHand {
        "The written set of the stack is older than the env file.",
        why: "The containers would not get a new key, or log into the database with the former password.",
        remedy: "Write it again; images and address stay as they were chosen:\n    meats-deploy docker init",
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
    DOC_NO_SITE = "DOC-011" "no-site-to-switch" Error ByHand {
        "No site of this host's nginx, or more than one, passes requests to the service, so a move cannot switch them.",
        why: "Visitors that come by another way would be refused when the service ends on the host.",
        remedy: "Let one site of nginx pass to the address of the service; this writes one:\n    meats-deploy setup --from SOURCE --host NAME",
    }
    DOC_AWAY = "DOC-012" "runs-in-docker" Error ByHand {
        "The service runs in its Docker stack.",
        why: "Visitors reach the containers; what was asked for is about the host's own service, or would take the stack away.",
        remedy: "Look at the stack, or move back:\n    meats-deploy docker status\n    meats-deploy docker migrate --back",
    }
    DOC_NO_SWARM = "DOC-014" "no-swarm" Error ByHand {
        "This host is not a manager of a Docker Swarm.",
        why: "A stack of Swarm is handed to a manager, which starts it.",
        remedy: "Make a Swarm of this one host, or run the stack without:\n    docker swarm init --advertise-addr 127.0.0.1\n    meats-deploy docker up",
    }
    DOC_SWARM_PRIVILEGES = "DOC-015" "swarm-new-privileges" Warning ByHand {
        "The engine does not forbid new privileges, and Swarm ignores that of a stack's file.",
        why: "A program with the setuid bit in an image could gain rights; all capabilities are dropped, so little is left to gain.",
        remedy: "Put this into /etc/docker/daemon.json and restart the engine:\n    {\"no-new-privileges\": true}",
    }
    DOC_BY_COMPOSE = "DOC-016" "stack-by-compose" Error ByHand {
        "Compose has containers of the stack, so it cannot be handed to Swarm.",
        why: "Both would use the same networks, the same port, and the same files of the database.",
        remedy: "Stop the stack of compose; its data stays:\n    meats-deploy docker down",
    }
    DOC_NOT_AWAY = "DOC-013" "not-in-docker" Error ByHand {
        "The service does not run in its Docker stack.",
        why: "There is nothing to move back.",
        remedy: "Nothing is to be done; this moves it into the stack:\n    meats-deploy docker migrate",
    }
    DOC_SERVES = "DOC-017" "served-by-docker" Note ByHand {
        "The service runs in its Docker stack, and the host's own rests by intent.",
        why: "Unit, virtual environment and database of the host are not looked at: visitors do not reach them.",
        remedy: "Nothing is to be done. The containers one by one, or the way back of a service that was moved:\n    meats-deploy docker status\n    meats-deploy docker migrate --back",
    }
    DOC_UNWELL = "DOC-018" "stack-unwell" Error ByHand {
        "The service runs in its Docker stack, which is not well.",
        why: "Nobody is served: the host's own service rests.",
        remedy: "See which container it is and what it says last, then start the stack again; a service that was moved can also go back:\n    meats-deploy docker status\n    meats-deploy docker logs app\n    meats-deploy docker up",
        leads_to: ["WEB-004", "WEB-007"],
    }
    DOC_UNFINISHED = "DOC-019" "move-unfinished" Error ByHand {
        "A move between the host and its Docker stack has begun and not ended.",
        why: "One that runs at this moment ends by itself; after one that was interrupted visitors may reach nobody.",
        remedy: "Let it end as it began: the first command where it went into the stack, the second where it went back. Neither loses data:\n    meats-deploy docker migrate --back\n    meats-deploy docker migrate",
        leads_to: ["DOC-018", "SVC-001", "SVC-008", "NET-001", "NET-002", "WEB-004", "WEB-007"],
    }
}
