//! WEB: the site in front of the service.

use super::{Kind, Repair, Severity};

kinds! {
    WEB_CONFIG = "WEB-001" "nginx-config" Error ByHand {
        "nginx does not accept its configuration.",
        why: "A running nginx goes on with what it has read before; the next restart or reboot ends the site.",
        remedy: "Correct the line that the test names:\n    nginx -t",
        leads_to: ["WEB-003"],
    }
    WEB_PORT_TAKEN = "WEB-002" "web-port-taken" Error ByHand {
        "Another program has the port of nginx.",
        why: "nginx cannot start; visitors get the other program, often a container or Apache.",
        remedy: "See what it is, and stop it or move it to another port, then start nginx:\n    ss -ltnp\n    systemctl start nginx",
    }
    WEB_DOWN = "WEB-003" "nginx-down" Error ByHand {
        "nginx does not run although the site of the service is in it.",
        why: "The service answers on this host only.",
        remedy: "Start it; a masked one has to be unmasked first:\n    systemctl restart nginx",
        leads_to: ["WEB-007"],
    }
    WEB_UPSTREAM = "WEB-004" "nginx-upstream" Error ByHand {
        "nginx passes requests to an address where nobody listens, and not to the service.",
        why: "Visitors get 502. The service was moved to a socket or another port (socket activation ignores --bind), and the site was not.",
        remedy: "Name the service's address in the site, or give the service the address that the site has (addresses in fixes.conf), then:\n    systemctl reload nginx",
    }
    WEB_SOCKET_CLOSED = "WEB-005" "nginx-socket-closed" Error ByHand {
        "nginx may not connect to the socket of the service.",
        why: "Visitors get 502, and the error log of nginx says \"13: Permission denied\".",
        remedy: "Give the socket to the group of nginx; so that it stays, let SocketGroup= of the socket unit (group in fixes.conf) name it.",
        leads_to: ["WEB-007"],
    }
    WEB_NOT_ENABLED = "WEB-006" "site-not-enabled" Error ByHand {
        "The site of the service is not enabled in nginx.",
        why: "Debian's default site, or another one, answers instead.",
        remedy: "Link it, and let nginx read it:\n    cd /etc/nginx/sites-enabled\n    ln -s ../sites-available/projectmeats\n    systemctl reload nginx",
        leads_to: ["WEB-007"],
    }
    WEB_OTHER_ANSWER = "WEB-007" "nginx-answers-otherwise" Error ByHand {
        "The service answers well, and the same request through nginx does not.",
        why: "Visitors see what nginx says: another site answers for the name, nginx has not read its files, or it cannot reach the service.",
        remedy: "Let nginx read its files, then its error log:\n    systemctl reload nginx\n    tail -n 20 /var/log/nginx/error.log",
    }
    WEB_NAME_NOT_ALLOWED = "WEB-008" "site-name-not-allowed" Error ByHand {
        "nginx serves a name that the application refuses.",
        why: "Django answers 400 to every request for a name that is not in ALLOWED_HOSTS; checks on this host ask for another name and see nothing.",
        remedy: "Add the name to ALLOWED_HOSTS, with commas and without blanks, and restart:\n    meats-env set ALLOWED_HOSTS\n    systemctl restart projectmeats",
        leads_to: ["WEB-007"],
    }
    WEB_CERTIFICATE_ENDED = "WEB-009" "certificate-ended" Error ByHand {
        "The certificate of the site has ended.",
        why: "Browsers show a warning instead of the site, and other programs refuse.",
        remedy: "Renew it, then let nginx read it:\n    certbot renew\n    systemctl reload nginx",
    }
    WEB_CERTIFICATE_ENDS = "WEB-010" "certificate-ends-soon" Warning ByHand {
        "The certificate of the site ends within two weeks.",
        why: "What renews it does so earlier; it seems not to work.",
        remedy: "Renew it, and see why that was not done:\n    certbot renew\n    systemctl list-timers",
    }
    WEB_FILES = "WEB-011" "web-files" Warning ByHand {
        "nginx cannot serve files of the application.",
        why: "Pages come without styles and images: the directory is missing or empty (collectstatic never ran), or nginx may not read it.",
        remedy: "Collect the static files, or give nginx the right to pass the named directory:\n    meats-deploy apply",
    }
}
