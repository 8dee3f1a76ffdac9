//! NET: listening, HTTP, nginx.

use super::{Kind, Repair, Severity};

kinds! {
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
    NET_TAKEN = "NET-005" "address-taken" Error ByHand {
        "Another process listens at the address of the service.",
        why: "gunicorn tries for five seconds and gives up, or visitors get the other program's answers. Often it is a gunicorn that somebody started by hand, or a second unit of the service.",
        remedy: "See what it is, and stop it or give the service another address in fixes.conf. Nothing here kills it for you:\n    ss -ltnp",
        leads_to: ["APP-007", "APP-008", "SVC-001", "SVC-002", "SVC-008", "NET-001", "NET-002"],
    }
    NET_BIND_IGNORED = "NET-006" "bind-ignored" Error ByHand {
        "A socket unit holds the address of the service, which is another than the one it is asked at.",
        why: "gunicorn takes what systemd hands to it and ignores every --bind: the port stays closed although the service is active, and nginx answers 502.",
        remedy: "Stop and disable the socket unit, or ask at its address: name it in addresses of fixes.conf and in the site of nginx:\n    systemctl disable --now projectmeats.socket\n    systemctl restart projectmeats",
        leads_to: ["NET-001", "NET-002"],
    }
}
