//! Hosts with the administrator's own unit, and what only they have.

use super::{Case, pasted, person};

pub(super) const CASES: &[Case] = &[
    person(
        "F05",
        "the application's own log cannot be made",
        "APP-013",
        "printf '%s\\n' 'LOGGING = {\"version\": 1, \"handlers\": {\"file\": {\"class\": \
         \"logging.FileHandler\", \"filename\": BASE_DIR / \"debug.log\"}}, \
         \"root\": {\"handlers\": [\"file\"]}}' >>$APP/backend/projectmeats/settings.py; kick",
        "put_back",
    ),
    pasted(
        "F33",
        "a socket unit takes the service away from its port",
        "NET-006",
        "printf '[Socket]\\nListenStream=/run/projectmeats.sock\\nSocketUser=projectmeats\\n\
         SocketGroup=www-data\\nSocketMode=0660\\n' >/etc/systemd/system/projectmeats.socket
         systemctl stop projectmeats; systemctl daemon-reload
         systemctl start projectmeats.socket; kick",
    ),
    pasted(
        "F34",
        "the service user may not make the socket",
        "APP-008",
        "rm -f /etc/systemd/system/projectmeats.socket
         unit 's!--bind 127.0.0.1:8000!--bind unix:/run/projectmeats.sock!'; sleep 6",
    ),
    pasted(
        "F36",
        "the pid file names a living process",
        "APP-009",
        "put_back; systemctl stop projectmeats; echo 1 >/run/projectmeats/projectmeats.pid
         chown projectmeats:www-data /run/projectmeats/projectmeats.pid; kick",
    ),
    pasted(
        "F41",
        "the user is gone",
        "SVC-005",
        "rm -f /run/projectmeats/projectmeats.pid; put_back
         systemctl stop projectmeats; sed -i '/^projectmeats:/d' /etc/passwd; kick",
    ),
    pasted(
        "F27",
        "PATH without the system",
        "SVC-026",
        "unit '/^Environment=/s!$! PATH=/opt/projectmeats/venv/bin!'",
    ),
    pasted(
        "F28",
        "a command before the start may not do what it shall",
        "CAP-007",
        "unit '/^SuccessExitStatus/d
               s!^ExecStartPre=/bin/chown.*!ExecStartPre=/bin/chown -R root /var/log/projectmeats!'",
    ),
    pasted(
        "F29",
        "a crash counts as a success and ends there",
        "SVC-027",
        "unit 's/^Restart=.*/Restart=on-failure/'",
    ),
    pasted(
        "F30",
        "restarts for ever and never fails",
        "SVC-002",
        "unit 's!^ExecStart=/opt!ExecStart=/bin/sh -c \"exit 7\" /opt!'",
    ),
    pasted(
        "F37",
        "less time to stop than gunicorn gives",
        "SVC-028",
        "unit '/^KillMode/iTimeoutStopSec=5'",
    ),
    pasted(
        "F38",
        "a command after the stop as the service user",
        "SVC-029",
        "unit '/^KillMode/iExecStopPost=/bin/sh -c \"journalctl -u projectmeats -n 50\"'",
    ),
    person(
        "F54",
        "no time zone data",
        "PKG-020",
        "mv /usr/share/zoneinfo /root/zoneinfo",
        "mv /root/zoneinfo /usr/share/zoneinfo",
    ),
    pasted("F01", "logs of www-data", "LOG-001", "chown -R www-data:www-data $LOGS"),
    pasted(
        "F20",
        "no env file, and the unit insists on it",
        "ENV-091",
        "unit 's/EnvironmentFile=-/EnvironmentFile=/'
         printf x | meats-env set COMPANY; rm $E; kick",
    ),
];
