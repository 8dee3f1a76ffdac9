//! Hosts that are healthy and not like the others: nothing may be found.

/// What the host is like, and the script that makes it so; each on the host that the ones before
/// have left, so that they add up.
pub(super) struct Host {
    pub(super) what: &'static str,
    pub(super) script: &'static str,
}

const fn host(what: &'static str, script: &'static str) -> Host {
    Host { what, script }
}

/// Hosts with the generated unit.
pub(super) const GENERATED: &[Host] = &[
    host("a locale with other words and digits", "echo LANG=de_DE.UTF-8 >/etc/default/locale"),
    host("500 rotated logs", "for n in $(seq 500); do : >$LOGS/access.log.$n; done
        chown projectmeats:www-data $LOGS/access.log.*; chmod 664 $LOGS/access.log.*"),
    host("a log of 2 GiB", "truncate -s 2G $LOGS/access.log"),
    host("an env file with comments, blank lines and quotes", r#"printf '%s\n' '' '# a comment' '' \
        'NAME="two words"' "MOTTO='it is \$5'" >>$E; kick"#),
    host("DEBUG not set", "meats-env unset DEBUG; kick"),
    host("hosts with a wildcard and a port of IPv6", "printf '.meats.example.com,localhost,[::1]' \
        | meats-env set ALLOWED_HOSTS; kick"),
    host("/etc under git", "mkdir -p /etc/.git/objects; echo 'ref: x' >/etc/.git/HEAD"),
    host("hardened kernel settings", "sysctl -qw kernel.yama.ptrace_scope=2 || true
        sysctl -qw net.ipv4.tcp_syncookies=1 || true"),
    host("logs on a file system of their own", "systemctl stop projectmeats.socket projectmeats
        mkdir /srv/logs; cp -a $LOGS/error.log /srv/logs/; mount --bind /srv/logs $LOGS
        chown projectmeats:www-data $LOGS; chmod 775 $LOGS; kick"),
    host("a drop-in of the administrator", "mkdir -p /etc/systemd/system/projectmeats.service.d
        printf '[Service]\\nLimitNOFILE=4096\\nNice=5\\n' \
        >/etc/systemd/system/projectmeats.service.d/50-admin.conf; kick"),
    host("another database file, by URL", "cp -a $APP/backend/data $APP/data
        printf sqlite:////opt/projectmeats/data/db.sqlite3 | meats-env set DATABASE_URL
        printf '[paths]\\nwritable = /opt/projectmeats/backend/media /opt/projectmeats/data\\n' \
        >/etc/projectmeats/fixes.conf.d/data.conf; kick"),
    host("a database file of root's, opened by an access control list", r#"python3 - $APP/data <<'P'
import os, pwd, struct, sys
uid = pwd.getpwnam('projectmeats').pw_uid
for path, rights in (sys.argv[1], 7), (sys.argv[1] + '/db.sqlite3', 6):
    os.chown(path, 0, 0)
    none = 2 ** 32 - 1
    entries = (1, rights, none), (2, rights, uid), (4, 0, none), (16, rights, none), (32, 0, none)
    acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)
    os.setxattr(path, 'system.posix_acl_access', acl)
P
        kick"#),
    host("the application through a link", "mkdir $APP/releases; mv $APP/backend $APP/releases/1
        ln -s releases/1 $APP/current
        printf '[paths]\\nworking_directory = /opt/projectmeats/current\\nwritable = \
        /opt/projectmeats/releases/1/media /opt/projectmeats/data\\n' >/etc/projectmeats/fixes.conf.d/paths.conf; kick"),
    host("a unix socket", "printf '[listen]\\naddresses = /run/projectmeats.sock\\n' \
        >/etc/projectmeats/fixes.conf.d/listen.conf; systemctl stop projectmeats.socket; kick"),
    host("IPv6 only", "printf '[listen]\\naddresses = [::1]:8000\\n' \
        >/etc/projectmeats/fixes.conf.d/listen.conf; systemctl stop projectmeats.socket; kick"),
    host("two addresses, no activation", "printf '[listen]\\naddresses = 127.0.0.1:8000 \
        127.0.0.1:8001\\nactivation = no\\n' >/etc/projectmeats/fixes.conf.d/listen.conf
        systemctl stop projectmeats.socket; kick; sleep 1"),
    host("every address", "printf '[listen]\\naddresses = 0.0.0.0:8000\\nactivation = no\\n' \
        >/etc/projectmeats/fixes.conf.d/listen.conf; kick; sleep 1"),
    host("one worker, no preload", "printf '[gunicorn]\\nworkers = 1\\nthreads = 1\\npreload = no\\n' \
        >/etc/projectmeats/fixes.conf.d/gunicorn.conf; kick; sleep 2"),
    host("the strict sandbox off", "printf '[hardening]\\nprofile = off\\n' \
        >/etc/projectmeats/fixes.conf.d/z.conf; kick; sleep 1"),
    host("another user with a number for a group", "useradd --system --user-group meat
        systemctl stop projectmeats
        printf '[service]\\nuser = meat\\ngroup = %s\\n' $(id -g meat) \
        >/etc/projectmeats/fixes.conf.d/user.conf
        chown -R meat:meat $LOGS $APP/releases $APP/data; meats-diagnose --fix --yes >/dev/null; kick; sleep 1"),
    host("packages of the system, too", "sed -i s/^include-system-site-packages.*/\
        'include-system-site-packages = true'/ $APP/venv/pyvenv.cfg; kick; sleep 1"),
    host("an editable installation", "mkdir -p $APP/lib/extra
        printf '[project]\\nname = \"extra\"\\nversion = \"1\"\\n' >$APP/lib/pyproject.toml
        D=$(echo $APP/venv/lib/python3.*/site-packages); mkdir $D/extra-1.dist-info
        printf 'Metadata-Version: 2.1\\nName: extra\\nVersion: 1\\n' >$D/extra-1.dist-info/METADATA
        printf '{\"dir_info\": {\"editable\": true}, \"url\": \"file:///opt/projectmeats/lib\"}' \
        >$D/extra-1.dist-info/direct_url.json; echo $APP/lib >$D/extra.pth
        printf 'extra.pth,,\\nextra-1.dist-info/METADATA,,\\nextra-1.dist-info/RECORD,,\\n\
extra-1.dist-info/direct_url.json,,\\n' >$D/extra-1.dist-info/RECORD"),
    host("an environment that uv made", "D=$(echo $APP/venv/lib/python3.*/site-packages)
        for i in $D/*.dist-info; do echo uv >$i/INSTALLER; done
        echo 'uv = 0.5.0' >>$APP/venv/pyvenv.cfg; rm -rf $D/pip $D/pip-*.dist-info"),
    host("no nginx and no www-data in use", "true"),
];

/// Hosts with a unit of the administrator's own.
pub(super) const OWN: &[Host] = &[
    host("the administrator's unit of the field", "true"),
    host(
        "the same with its own socket unit",
        "printf '[Socket]\\nListenStream=127.0.0.1:8000\\n\
        [Install]\\nWantedBy=sockets.target\\n' >/etc/systemd/system/projectmeats.socket
        systemctl stop projectmeats; systemctl daemon-reload
        systemctl start projectmeats.socket; kick",
    ),
    host(
        "a socket unit that alone says where",
        "sed -i 's!--bind 127.0.0.1:8000 !!' /etc/systemd/system/projectmeats.service
        sed -i 's!^ListenStream=.*!ListenStream=/run/meats.sock!' \
            /etc/systemd/system/projectmeats.socket
        systemctl stop projectmeats.socket projectmeats; systemctl daemon-reload
        systemctl enable --now projectmeats.socket 2>/dev/null; kick",
    ),
    host(
        "a unit below /usr/local",
        "systemctl disable --now projectmeats projectmeats.socket 2>/dev/null
        rm /etc/systemd/system/projectmeats.socket; mkdir -p /usr/local/lib/systemd/system
        mv /etc/systemd/system/projectmeats.service /usr/local/lib/systemd/system/
        systemctl daemon-reload; systemctl enable projectmeats 2>/dev/null; kick; sleep 1",
    ),
];
