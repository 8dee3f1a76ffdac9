//! PostgreSQL and nginx.

use super::{Case, answered, pasted, person};

pub(super) const CASES: &[Case] = &[
    pasted("F48", "the cluster is down", "DBS-005", "systemctl stop postgresql@15-main; kick"),
    person(
        "F49",
        "the role has another password",
        "DBS-006",
        "cd /; Q='runuser -u postgres -- psql -Atqc'
         $Q \"SELECT rolpassword FROM pg_authid WHERE rolname = 'projectmeats'\" >/root/verifier
         $Q \"ALTER ROLE projectmeats PASSWORD 'another'\"; kick",
        "cd /; runuser -u postgres -- psql -qc \\
         \"ALTER ROLE projectmeats PASSWORD '$(cat /root/verifier)'\"; kick",
    ),
    person(
        "F49",
        "the database does not exist",
        "DBS-007",
        "cd /; systemctl stop projectmeats.socket projectmeats
         runuser -u postgres -- psql -qc 'ALTER DATABASE projectmeats RENAME TO other'; kick",
        "cd /; systemctl stop projectmeats.socket projectmeats
         runuser -u postgres -- psql -qc 'ALTER DATABASE other RENAME TO projectmeats'; kick",
    ),
    pasted(
        "F50",
        "the database is not the role's",
        "DBS-008",
        "cd /; systemctl stop projectmeats.socket projectmeats; Q='runuser -u postgres -- psql -qc'
         $Q 'DROP DATABASE projectmeats'; $Q 'CREATE DATABASE projectmeats'
         $Q 'GRANT ALL ON DATABASE projectmeats TO projectmeats'; kick",
    ),
    pasted(
        "F51",
        "a migration is missing",
        "DBS-009",
        "cd /; Q='runuser -u postgres -- psql -q projectmeats -c'
         $Q \"DELETE FROM django_migrations WHERE app = 'stock'\"; $Q 'DROP TABLE stock_cut'",
    ),
    pasted("F56", "nginx is down", "WEB-003", "systemctl stop nginx"),
    pasted("F56", "nginx is masked", "WEB-003", "systemctl stop nginx; systemctl mask nginx"),
    pasted("F08", "the releases behind the link are closed", "SVC-022", "chmod 700 $APP/releases; kick"),
    person(
        "F48",
        "the name of the database's host is not known",
        "DBS-005",
        "cp -a $E /root/env; sed -i 's/@127.0.0.1/@db.nowhere.invalid/' $E; kick",
        "cp -a /root/env $E; kick",
    ),
    person(
        "F48",
        "the database listens at another port",
        "DBS-005",
        "cp -a $E /root/env; sed -i '/^DATABASE_URL/s/5432/5433/' $E; kick",
        "cp -a /root/env $E; kick",
    ),
    person(
        "F55",
        "the database's password is published",
        "ENV-067",
        "cp -a $E /root/env; cd /
         sed -i \"s|^DATABASE_URL=.*|DATABASE_URL='postgres://projectmeats:ProjectMeats2024!@127.0.0.1:5432/projectmeats'|\" $E
         runuser -u postgres -- psql -qc \"ALTER ROLE projectmeats PASSWORD 'ProjectMeats2024!'\"; kick",
        "cp -a /root/env $E; cd /; P=$(sed -n 's!^DATABASE_URL=.*projectmeats:\\([^@]*\\)@.*!\\1!p' /root/env)
         runuser -u postgres -- psql -qc \"ALTER ROLE projectmeats PASSWORD '$P'\"; kick",
    ),
    pasted(
        "F47",
        "the driver was taken out",
        "PKG-010",
        "$APP/current/venv/bin/pip uninstall -qy psycopg psycopg-binary; kick",
    ),
    person(
        "F56",
        "another program has port 80",
        "WEB-002",
        "systemctl stop nginx
         systemd-run -q --unit=squatter python3 -m http.server 80 --bind 127.0.0.1; sleep 1",
        "systemctl stop squatter; systemctl start nginx",
    ),
    pasted(
        "F56",
        "the default site answers",
        "WEB-006",
        "rm /etc/nginx/sites-enabled/projectmeats; systemctl reload nginx",
    ),
    person(
        "F56",
        "nginx asks another port",
        "WEB-004",
        "sed -i s/:8000/:8001/ /etc/nginx/sites-available/projectmeats; systemctl reload nginx",
        "sed -i s/:8001/:8000/ /etc/nginx/sites-available/projectmeats; systemctl reload nginx",
    ),
    person(
        "F56",
        "nginx refuses its files",
        "WEB-001",
        "echo 'nonsense;' >/etc/nginx/conf.d/broken.conf",
        "rm /etc/nginx/conf.d/broken.conf",
    ),
    answered(
        "F22",
        "the site has a name that is not allowed",
        "WEB-008",
        "sed -i 's/server_name meats.example/& shop.example/' \\
         /etc/nginx/sites-available/projectmeats; systemctl reload nginx",
        "meats.example,shop.example,localhost,127.0.0.1",
    ),
    pasted(
        "F52",
        "nginx may not read the static files",
        "WEB-011",
        "chmod 700 $(sed -n 's/.*alias \\(.*staticfiles\\).*/\\1/p' \\
         /etc/nginx/sites-available/projectmeats | head -n 1)",
    ),
    pasted(
        "F52",
        "the static files were never collected",
        "WEB-011",
        "D=$(sed -n 's/.*alias \\(.*staticfiles\\).*/\\1/p' \\
         /etc/nginx/sites-available/projectmeats | head -n 1); find $D -mindepth 1 -delete",
    ),
    person(
        "F56",
        "the certificate ends soon",
        "WEB-010",
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=meats.example \\
         -keyout /etc/ssl/private/m.key -out /etc/ssl/m.pem 2>/dev/null
         sed -i 's!server_name!listen 443 ssl; ssl_certificate /etc/ssl/m.pem; \
         ssl_certificate_key /etc/ssl/private/m.key; &!' /etc/nginx/sites-available/projectmeats
         systemctl reload nginx",
        "put_back",
    ),
    pasted(
        "F56",
        "nginx may not connect to the socket",
        "WEB-005",
        "printf '[listen]\naddresses = /run/projectmeats.sock\n' \
         >/etc/projectmeats/fixes.conf.d/socket.conf
         sed -i 's!server 127.0.0.1:8000!server unix:/run/projectmeats.sock!' \
         /etc/nginx/sites-available/projectmeats
         systemctl stop projectmeats.socket; kick; systemctl restart nginx
         chown root:root /run/projectmeats.sock; chmod 600 /run/projectmeats.sock",
    ),
];
