//! The application, its environment, its process.

use super::{Case, answered, pasted, person};

pub(super) const CASES: &[Case] = &[
    pasted("F31", "stopped", "SVC-008", "systemctl stop projectmeats.socket projectmeats.service"),
    pasted(
        "F39",
        "masked",
        "SVC-004",
        "systemctl stop projectmeats.socket projectmeats.service
         ln -s /dev/null /etc/systemd/system/projectmeats.service; systemctl daemon-reload",
    ),
    pasted(
        "F35",
        "another service has the port",
        "NET-005",
        "systemctl stop projectmeats.socket projectmeats.service
         systemd-run -q --unit=squatter python3 -m http.server 8000 --bind 127.0.0.1
         sleep 1; systemctl start projectmeats",
    ),
    person(
        "F35",
        "a gunicorn that was started by hand has the port",
        "NET-005",
        "systemctl stop projectmeats.socket projectmeats.service; cd $APP/backend
         SECRET_KEY=x ../venv/bin/gunicorn --daemon --bind 127.0.0.1:8000 projectmeats.wsgi
         sleep 1; systemctl start projectmeats",
        "pkill -o -U root gunicorn; sleep 1; rm -f $APP/backend/nohup.out; kick",
    ),
    person(
        "F39",
        "a drop-in whose lines systemd refuses",
        "SVC-024",
        "drop_in ExecStart=/opt/projectmeats/venv/bin/gunicorn",
        "no_drop_in",
    ),
    person(
        "F39",
        "a drop-in has a condition that is not met",
        "SVC-030",
        "drop_in \"$(printf '[Unit]\\nConditionPathExists=/srv/licence')\"",
        "no_drop_in",
    ),
    person("F39", "a drop-in names another user", "SVC-025", "drop_in User=nobody", "no_drop_in"),
    person(
        "F42",
        "a drop-in names a directory that is not there",
        "CAP-009",
        "drop_in WorkingDirectory=/opt/nope",
        "no_drop_in",
    ),
    person(
        "F32",
        "a drop-in opens a path that is not there",
        "CAP-010",
        "drop_in ReadWritePaths=/srv/nope",
        "no_drop_in",
    ),
    person(
        "F42",
        "the working directory is gone",
        "DEP-001",
        "mv $APP/backend $APP/backend.x; kick",
        "mv $APP/backend.x $APP/backend; kick",
    ),
    person(
        "F46",
        "a syntax error in the settings",
        "APP-016",
        "echo 'x = (' >>$APP/backend/projectmeats/settings.py; kick",
        "put_back",
    ),
    person(
        "F46",
        "a module that is not installed",
        "APP-001",
        "echo 'import nosuchmodule' >>$APP/backend/projectmeats/settings.py; kick",
        "put_back",
    ),
    person(
        "F46",
        "a module that is not installed, and since then a defect that the next start repairs",
        "APP-001",
        "echo 'import nosuchmodule' >>$APP/backend/projectmeats/settings.py; kick
         sed -i 's/^DEBUG=/export DEBUG=/' $E",
        "put_back",
    ),
    person(
        "F46",
        "the application object has another name",
        "APP-003",
        "sed -i s/^application/app/ $APP/backend/projectmeats/wsgi.py; kick",
        "put_back",
    ),
    person(
        "F47",
        "no driver for the database",
        "PKG-018",
        "key DATABASE_URL postgres://u:p@127.0.0.1/x; kick",
        "meats-env unset DATABASE_URL; kick",
    ),
    pasted(
        "F40",
        "the env file is newer than the process",
        "SVC-023",
        "sleep 1; key COMPANY Meats",
    ),
    pasted(
        "F40",
        "the code is newer than the process",
        "SVC-023",
        "sleep 2.5; echo '# changed' >>$APP/backend/stock/views.py",
    ),
    person(
        "F62",
        "the process is alive and silent",
        "NET-002",
        // More than once: a worker may be on its way.
        "for n in 1 2 3; do pkill -STOP -u projectmeats gunicorn; sleep 0.1; done",
        "pkill -CONT -u projectmeats gunicorn",
    ),
    person(
        "F62",
        "a worker was killed",
        "APP-022",
        "kill -9 $(pgrep -u projectmeats -P $(systemctl show -P MainPID projectmeats) | head -n 1)
         sleep 2",
        ": >$LOGS/error.log",
    ),
    answered(
        "F48",
        "the directory of the SQLite file that the env file names is not there",
        "DBS-010",
        "key DATABASE_URL sqlite:////opt/projectmeats/backend/data/gone/db.sqlite3; kick",
        "sqlite:////opt/projectmeats/backend/data/db.sqlite3",
    ),
    person(
        "F32",
        "the sandbox lets nobody write the SQLite file",
        "DBS-011",
        "install -d -o projectmeats /srv/data; cp -a $APP/backend/data/db.sqlite3 /srv/data
         key DATABASE_URL sqlite:////srv/data/db.sqlite3; kick",
        "mkdir -p /etc/projectmeats/fixes.conf.d
         printf '[paths]\nwritable = /srv/data\n' >/etc/projectmeats/fixes.conf.d/data.conf; kick",
    ),
    pasted(
        "F48",
        "manage.py was run as root and left its SQLite file",
        "DBS-011",
        "rm /etc/projectmeats/fixes.conf.d/data.conf
         key DATABASE_URL sqlite:////opt/projectmeats/backend/data/db.sqlite3
         chown root:root $APP/backend/data/db.sqlite3; kick",
    ),
    pasted(
        "F48",
        "the SQLite file's directory is root's",
        "DBS-011",
        "meats-env unset DATABASE_URL; chown -R root:root $APP/backend; chmod 755 $APP/backend; kick",
    ),
    pasted(
        "F51",
        "the SQLite file has no tables",
        "DBS-009",
        "chown -R projectmeats:www-data $APP/backend; mv $APP/backend/data/db.sqlite3 /root/db.full
         runuser -u projectmeats -- touch $APP/backend/data/db.sqlite3; kick",
    ),
    pasted(
        "F51",
        "the SQLite file lacks a migration",
        "DBS-009",
        "rm $APP/backend/data/db.sqlite3; cp /root/db.full $APP/backend/data/db.sqlite3
         chown projectmeats:www-data $APP/backend/data/db.sqlite3
         python3 -c \"import sqlite3; c = sqlite3.connect('$APP/backend/data/db.sqlite3')
c.execute('DROP TABLE stock_cut'); c.execute('DELETE FROM django_migrations WHERE app = \\'stock\\'')
c.commit()\"; kick",
    ),
];
