//! The strikes. `$PWD` is /tmp; L, E and B are the log directory, the directory of the env file
//! and the application's. Each is a script of the service user; `given` is what root or an
//! administrator did before.

use crate::Attack;

/// The directory of the env file as careless deployments leave it: the user's own.
const LOOSE: &str = "chown -R projectmeats: /etc/projectmeats; chmod 775 /etc/projectmeats";

/// Prints a line when the service user can still change the env file.
const ENV_KEPT: &str = "cd /etc/projectmeats && \
    if setpriv --reuid=projectmeats --regid=projectmeats --init-groups -- \
        sh -c 'test -w projectmeats.env || test -w .'; \
    then echo 'the service can still write its env file'; fi; \
    if [ \"$(stat -c %U projectmeats.env)\" != root ]; then echo 'the env file is not root'; fi";

/// Prints a line when root ran what the user wanted.
const NOT_RUN: &str = "rm -f /tmp/ran-as-user; \
    if [ -e /root/pwned ]; then echo 'the code of the user ran as root'; rm -f /root/pwned; fi";

/// What a shell would run, left in a file of the user's.
const EVIL: &str = "printf 'id -u >/root/pwned 2>/dev/null\\n' >/opt/projectmeats/evil.sh; \
    chmod 755 /opt/projectmeats/evil.sh";

/// Every strike that is not a race.
pub fn all() -> Vec<Attack> {
    let places = [links(), hard_links(), moved(), kinds(), names(), crowds(), mounts(), mute()];
    places.into_iter().chain([flags(), env(), state()]).flatten().collect()
}

/// By name.
pub fn named(name: &str) -> Option<Attack> {
    all().into_iter().find(|attack| attack.name == name)
}

fn links() -> Vec<Attack> {
    vec![
        Attack::new("link-log-to-shadow", "ln -sf /etc/shadow /var/log/projectmeats/error.log"),
        Attack::new("link-log-to-passwd", "ln -sf /etc/passwd /var/log/projectmeats/access.log"),
        Attack::new(
            "link-log-dangling",
            "ln -sf /etc/cron.d/evil /var/log/projectmeats/access.log",
        ),
        Attack::new(
            "link-log-relative",
            "ln -sf ../../../etc/shadow /var/log/projectmeats/django.log",
        ),
        Attack::new(
            "link-log-chain",
            "cd /var/log/projectmeats; ln -s /etc/shadow b; ln -s b a; ln -sf a error.log",
        ),
        Attack::new(
            "link-log-through-own-directory",
            "cd /var/log/projectmeats; ln -s /etc d; ln -sf d/shadow error.log",
        ),
        Attack::new(
            "link-log-magic-self",
            "ln -sf /proc/self/root/etc/shadow /var/log/projectmeats/error.log",
        ),
        Attack::new(
            "link-log-magic-cwd",
            "ln -sf /proc/self/cwd/etc/shadow /var/log/projectmeats/error.log",
        )
        .survived(),
        Attack::new("link-log-magic-fd", "ln -sf /proc/self/fd/2 /var/log/projectmeats/error.log")
            .survived(),
        Attack::new("link-log-loop", "ln -sf error.log /var/log/projectmeats/error.log").survived(),
        Attack::new("link-log-to-directory", "ln -sfn /srv/victim /var/log/projectmeats/x.log"),
        Attack::new("link-other-log", "ln -s /etc/shadow /var/log/projectmeats/celery.log"),
        Attack::new(
            "link-log-to-set-uid-program",
            "ln -sf /usr/bin/victim-suid /var/log/projectmeats/error.log",
        ),
        Attack::new(
            "link-media",
            "cd /opt/projectmeats/backend; rm -r media; ln -s /srv/victim/media media",
        ),
        Attack::new(
            "link-media-missing-below",
            "cd /opt/projectmeats/backend; ln -s /etc/cron.d/evil staticfiles",
        )
        .survived(),
        Attack::new(
            "link-parent-of-media",
            "cd /opt/projectmeats; mv backend old; ln -s /srv/victim backend",
        ),
        Attack::new(
            "link-parent-makes-directory",
            "cd /opt/projectmeats; mv backend old; ln -s /etc/cron.d backend",
        ),
        Attack::new(
            "link-grandparent-of-media",
            "mkdir -p /tmp/fake; cd /opt/projectmeats; mv backend old; mkdir x; ln -s /srv/victim x/y; \
             ln -s x/y backend",
        ),
        Attack::new("link-env-to-shadow", "ln -sf /etc/shadow /etc/projectmeats/projectmeats.env")
            .given(LOOSE)
            .stops(),
        Attack::new(
            "link-env-dangling",
            "ln -sf /etc/cron.d/evil /etc/projectmeats/projectmeats.env",
        )
        .given(LOOSE)
        .survived()
        .stops(),
        Attack::new(
            "link-env-temporary-name",
            "cd /etc/projectmeats; printf 'export A=1\\n' >>projectmeats.env; \
             ln -s /etc/cron.d/evil .projectmeats.env.meats-new",
        )
        .given(LOOSE)
        .survived()
        .verify(ENV_KEPT),
        Attack::new(
            "link-rotated-log",
            "cd /var/log/projectmeats; ln -s /etc/shadow error.log.1; ln -s /etc/shadow post_failure.log.1; \
             ln -s /etc/shadow error.1.log",
        ),
    ]
}

fn hard_links() -> Vec<Attack> {
    // The kernel's guard is a setting of the whole machine: root makes here what a user could
    // have made while it was off, and where that matters the helper is shown the setting "0".
    vec![
        Attack::new("hard-link-log-to-shadow", "")
            .given("ln -f /etc/shadow /var/log/projectmeats/error.log"),
        Attack::new("hard-link-other-log-to-passwd", "")
            .given("ln /etc/passwd /var/log/projectmeats/x"),
        Attack::new("hard-link-log-to-set-uid-program", "")
            .given("ln -f /usr/bin/victim-suid /var/log/projectmeats/error.log"),
        Attack::new("hard-link-log-to-another-user", "")
            .given("ln -f /srv/alice/diary /var/log/projectmeats/error.log"),
        Attack::new("hard-link-in-media", "")
            .given("ln /etc/shadow /opt/projectmeats/backend/media/upload"),
        Attack::new("hard-link-env-to-shadow", "")
            .given("chown projectmeats: /etc/projectmeats; ln -f /etc/shadow /etc/projectmeats/projectmeats.env")
            .stops(),
        Attack::new("hard-link-with-guard", "! ln /etc/shadow /var/log/projectmeats/x.log 2>&1")
            .given("[ \"$(cat /proc/sys/fs/protected_hardlinks)\" = 1 ]")
            .survived(),
        Attack::new("hard-link-without-guard-last-name", "")
            .given(
                "echo 0 >/tmp/off; mount --bind /tmp/off /proc/sys/fs/protected_hardlinks; \
                 cp /etc/passwd /etc/passwd.old; \
                 ln -f /etc/passwd.old /var/log/projectmeats/error.log; rm /etc/passwd.old",
            )
            .verify(
                "umount /proc/sys/fs/protected_hardlinks; \
                 grep -l -s ^root: /var/log/projectmeats/error.log || true",
            )
            .survived(),
    ]
}

fn moved() -> Vec<Attack> {
    vec![
        // Replaced by root after it got a second name: the old content has one name, the log's.
        Attack::new("last-name-of-shadow", "").given(
            "cp -p /etc/shadow /etc/shadow.old; ln -f /etc/shadow.old /var/log/projectmeats/error.log; \
             rm /etc/shadow.old",
        ),
        Attack::new(
            "move-file-of-root-to-log",
            "mv -f /opt/projectmeats/backend/dump.sql /var/log/projectmeats/error.log",
        )
        .given("cd /opt/projectmeats/backend; umask 077; echo victim-secret >dump.sql")
        .verify("test -f /var/log/projectmeats/error.log || echo 'no log was made'"),
        Attack::new(
            "move-file-of-root-to-other-log",
            "mv /opt/projectmeats/backend/dump.sql /var/log/projectmeats/y.log",
        )
        .given("cd /opt/projectmeats/backend; umask 077; echo victim-secret >dump.sql"),
        Attack::new(
            "move-file-of-alice-to-log",
            "mv -f /opt/projectmeats/backend/notes /var/log/projectmeats/error.log",
        )
        .given(
            "cd /opt/projectmeats/backend; umask 077; echo victim-secret >notes; chown alice: notes",
        ),
        Attack::new(
            "move-directory-of-root-to-media",
            "cd /opt/projectmeats/backend; rmdir media; mv private media",
        )
        .given(
            "cd /opt/projectmeats/backend; install -d -m 700 private; echo victim-secret >private/key",
        ),
    ]
}

fn kinds() -> Vec<Attack> {
    vec![
        Attack::new(
            "fifo-log",
            "cd /var/log/projectmeats; rm post_failure.log; mkfifo post_failure.log",
        ),
        Attack::new(
            "fifo-log-with-reader",
            "cd /var/log/projectmeats; rm error.log; mkfifo error.log; cat error.log >/dev/null &",
        )
        .survived(),
        Attack::new(
            "fifo-media",
            "cd /opt/projectmeats/backend; rmdir media; mkfifo media",
        )
        .survived(),
        Attack::new(
            "fifo-env",
            "cd /etc/projectmeats; rm -f projectmeats.env; mkfifo projectmeats.env",
        )
        .given(LOOSE)
        .stops(),
        Attack::new(
            "socket-log",
            "cd /var/log/projectmeats; rm error.log; \
             python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"error.log\")'",
        )
        .survived(),
        Attack::new(
            "socket-env",
            "cd /etc/projectmeats; rm -f projectmeats.env; \
             python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"projectmeats.env\")'",
        )
        .given(LOOSE)
        .survived()
        .stops(),
        Attack::new("device-log", "")
            .given("cd /var/log/projectmeats; rm error.log; mknod error.log c 1 3; ls -l error.log >/tmp/dev")
            .verify("ls -l /var/log/projectmeats/error.log | grep -q '^crw-r--r-- 1 root root' || echo 'the device was changed'"),
        Attack::new("directory-log", "cd /var/log/projectmeats; rm error.log; mkdir error.log").survived(),
        Attack::new(
            "directory-env",
            "cd /etc/projectmeats; rm -f projectmeats.env; mkdir projectmeats.env",
        )
        .given(LOOSE)
        .survived()
        .stops(),
        Attack::new("sparse-log", "truncate -s 1T /var/log/projectmeats/error.log").survived(),
        Attack::new("sparse-env", "truncate -s 1T /etc/projectmeats/projectmeats.env")
            .given(LOOSE)
            .survived()
            .stops(),
        Attack::new("set-id-log", "chmod 6777 /var/log/projectmeats/error.log")
            .survived()
            .verify("find /var/log/projectmeats -perm /6000 -type f"),
        Attack::new("set-id-directory", "chmod 4777 /opt/projectmeats/backend/media")
            .survived()
            .verify("find /opt/projectmeats/backend/media -maxdepth 0 -perm /4002"),
    ]
}

fn names() -> Vec<Attack> {
    // Each is a link, so that something has to be said about it.
    vec![
        Attack::new(
            "name-with-newline",
            "cd /var/log/projectmeats; ln -s /etc/shadow $'x\\nJan 1 00:00:00 host sshd[1]: forged.log'",
        ),
        Attack::new(
            "name-with-escape",
            "cd /var/log/projectmeats; ln -s /etc/shadow $'\\e]0;pwned\\a\\e[2J.log'",
        ),
        Attack::new(
            "name-not-utf8",
            "cd /var/log/projectmeats; ln -s /etc/shadow $'\\xff\\xfe.log'",
        ),
        Attack::new(
            "name-of-255-bytes",
            "cd /var/log/projectmeats; ln -s /etc/shadow \"$(printf '%0251d' 1).log\"",
        ),
        Attack::new(
            "name-that-is-an-option",
            "cd /var/log/projectmeats; touch -- --reference=x -R; ln -s /etc/shadow ./--help.log",
        ),
        Attack::new(
            "name-right-to-left",
            "cd /var/log/projectmeats; ln -s /etc/shadow $'\\u202egol.rorre.log'",
        ),
        Attack::new("name-with-glob", "cd /var/log/projectmeats; ln -s /etc/shadow '* $(id).log'"),
        Attack::new(
            "name-of-temporary-file",
            "cd /var/log/projectmeats; ln -s /etc/shadow .error.log.meats-new.log; \
             ln -s /etc/shadow z.log",
        ),
    ]
}

fn crowds() -> Vec<Attack> {
    vec![
        Attack::new(
            "depth-10000",
            "cd /var/log/projectmeats; python3 -c 'import os
for i in range(10000): os.mkdir(\"d\"); os.chdir(\"d\")
os.symlink(\"/etc/shadow\", \"x.log\")'",
        )
        .survived(),
        Attack::new(
            "crowd-of-links",
            "cd /var/log/projectmeats; python3 -c 'import os
for i in range(5000): os.symlink(\"/etc/shadow\", \"%d.log\" % i)'",
        ),
        Attack::new(
            "crowd-to-repair",
            "cd /var/log/projectmeats; python3 -c 'import os
for i in range(5000): os.close(os.open(\"%d\" % i, os.O_CREAT, 0o400))'; ln -s /etc/shadow z.log",
        ),
    ]
}

fn mounts() -> Vec<Attack> {
    vec![
        Attack::new("bind-mount-on-log", "")
            .given("mount --bind /etc/shadow /var/log/projectmeats/error.log"),
        Attack::new("bind-mount-below-logs", "")
            .given("mkdir /var/log/projectmeats/sub; mount --bind /srv/victim /var/log/projectmeats/sub"),
        Attack::new("bind-mount-on-media", "")
            .given("mount --bind /srv/victim/media /opt/projectmeats/backend/media"),
        Attack::new("overlay-below-logs", "")
            .given(
                "mkdir -p /tmp/up /tmp/work /var/log/projectmeats/sub; mount -t overlay overlay \
                 -o lowerdir=/srv/victim,upperdir=/tmp/up,workdir=/tmp/work /var/log/projectmeats/sub",
            )
            .survived(),
        Attack::new("full-disk", "dd if=/dev/zero of=/var/log/projectmeats/fill 2>/dev/null || true")
            .given(
                "mount -t tmpfs -o size=64k,mode=775 tmpfs /var/log/projectmeats; \
                 chown projectmeats:www-data /var/log/projectmeats",
            )
            .survived(),
        Attack::new("read-only-logs", "ln -sf /etc/shadow /opt/projectmeats/backend/x.log")
            .given(
                "rm /var/log/projectmeats/error.log; \
                 mount --bind /var/log/projectmeats /var/log/projectmeats; \
                 mount -o remount,ro,bind /var/log/projectmeats",
            )
            .survived(),
    ]
}

/// A file system of the service user's own, whose answers never come (fusermount3(1) is set-id
/// root); with `allow_other` also root waits for them, without it root is refused.
fn mute() -> Vec<Attack> {
    vec![
        Attack::new("fuse-below-logs", "")
            .given("mkdir /var/log/projectmeats/sub; /bout/mute directory allow_other /var/log/projectmeats/sub"),
        Attack::new("fuse-on-log", "")
            .given("/bout/mute file allow_other /var/log/projectmeats/error.log"),
        Attack::new("fuse-on-log-closed-to-root", "")
            .given("/bout/mute file '' /var/log/projectmeats/error.log")
            .survived(),
        Attack::new("fuse-on-logs", "").given("/bout/mute directory allow_other /var/log/projectmeats"),
        Attack::new("fuse-on-media", "")
            .given("/bout/mute directory allow_other /opt/projectmeats/backend/media"),
        Attack::new("fuse-on-runtime", "").given("/bout/mute directory allow_other /run/projectmeats"),
    ]
}

fn flags() -> Vec<Attack> {
    // A lease is held by a process of the user's while the helper runs.
    vec![
        Attack::new("immutable-log", "")
            .given("cd /var/log/projectmeats; chown root: error.log; /bout/flag 10 $PWD/error.log")
            .survived(),
        Attack::new("append-only-log", "")
            .given("cd /var/log/projectmeats; chown root: error.log; /bout/flag 20 $PWD/error.log")
            .survived(),
        Attack::new("immutable-env", "")
            .given("cd /etc/projectmeats; chown projectmeats: projectmeats.env; /bout/flag 10 $PWD/projectmeats.env")
            .survived(),
        Attack::new(
            "lease-on-log",
            "python3 -c 'import fcntl, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
f = open(\"/var/log/projectmeats/post_failure.log\", \"r+\")
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open(\"/tmp/held\", \"w\")
time.sleep(100)' & while ! [ -e /tmp/held ]; do sleep 0.01; done",
        ),
        Attack::new(
            "acl-on-log",
            "python3 -c 'import os, struct
acl = struct.pack(\"<I\", 2) + b\"\".join(struct.pack(\"<HHI\", *e) for e in
    [(1, 6, 0xffffffff), (2, 7, 1), (4, 6, 0xffffffff), (16, 7, 0xffffffff), (32, 0, 0xffffffff)])
os.setxattr(\"/var/log/projectmeats/error.log\", \"system.posix_acl_access\", acl)'
ln -s /etc/shadow /var/log/projectmeats/a.log",
        ),
    ]
}

fn env() -> Vec<Attack> {
    vec![
        Attack::new("env-of-the-user", ":").given(LOOSE).verify(ENV_KEPT),
        Attack::new(
            "env-with-acl",
            "python3 -c 'import os, struct
acl = struct.pack(\"<I\", 2) + b\"\".join(struct.pack(\"<HHI\", *e) for e in
    [(1, 6, 0xffffffff), (2, 6, os.getuid()), (4, 6, 0xffffffff), (16, 6, 0xffffffff), (32, 0, 0xffffffff)])
os.setxattr(\"/etc/projectmeats/projectmeats.env\", \"system.posix_acl_access\", acl)'",
        )
        .given(LOOSE)
        .verify(ENV_KEPT),
        Attack::new(
            "env-directory-with-acl",
            "python3 -c 'import os, struct
acl = struct.pack(\"<I\", 2) + b\"\".join(struct.pack(\"<HHI\", *e) for e in
    [(1, 7, 0xffffffff), (2, 7, os.getuid()), (4, 7, 0xffffffff), (16, 7, 0xffffffff), (32, 5, 0xffffffff)])
for kind in (\"access\", \"default\"):
    os.setxattr(\"/etc/projectmeats\", \"system.posix_acl_\" + kind, acl)'",
        )
        .given(LOOSE)
        .verify(ENV_KEPT),
        Attack::new(
            "env-held-open",
            "(exec 3<>/etc/projectmeats/projectmeats.env; touch /tmp/held; \
              while ! [ -e /tmp/go ]; do sleep 0.01; done; echo HELD=1 >&3; touch /tmp/gone) & \
             while ! [ -e /tmp/held ]; do sleep 0.01; done; disown",
        )
        .given(LOOSE)
        .verify(
            "touch /tmp/go; sleep 0.2; grep HELD /etc/projectmeats/projectmeats.env || true; \
             stat -c %U /etc/projectmeats/projectmeats.env | grep -v root || true",
        ),
        Attack::new("env-group-writable", ":")
            .given("chmod 660 /etc/projectmeats/projectmeats.env")
            .verify(ENV_KEPT),
        Attack::new(
            "env-lease",
            "python3 -c 'import fcntl, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
f = open(\"/etc/projectmeats/projectmeats.env\", \"r+\")
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open(\"/tmp/held\", \"w\")
time.sleep(100)' & while ! [ -e /tmp/held ]; do sleep 0.01; done",
        )
        .given(LOOSE)
        .stops(),
        Attack::new("env-ld-preload", ":")
            .environment(&[("LD_PRELOAD", "/bout/evil.so")])
            .verify(NOT_RUN),
        Attack::new("env-ld-audit", ":")
            .environment(&[("LD_AUDIT", "/bout/evil.so")])
            .verify(NOT_RUN),
        Attack::new(
            "env-ld-library-path",
            "mkdir /tmp/lib; cp /bout/evil.so /tmp/lib/libtinfo.so.6",
        )
        .environment(&[("LD_LIBRARY_PATH", "/tmp/lib")])
        .verify(NOT_RUN)
        .survived(),
        Attack::new("env-bash-env", EVIL)
            .environment(&[("BASH_ENV", "/opt/projectmeats/evil.sh")])
            .verify(NOT_RUN),
        Attack::new(
            "env-path",
            "mkdir /tmp/bin; printf '#!/bin/sh\\nid -u >/root/pwned\\n' >/tmp/bin/chown; \
             chmod 755 /tmp/bin/chown",
        )
        .environment(&[("PATH", "/tmp/bin:/usr/bin:/bin")])
        .verify(NOT_RUN),
        Attack::new("env-exported-function", ":")
            .environment(&[("BASH_FUNC_chown%%", "() { id -u >/root/pwned; }")])
            .verify(NOT_RUN),
        Attack::new("env-python-path", "mkdir /tmp/py; echo 'open(\"/root/pwned\",\"w\")' >/tmp/py/site.py")
            .environment(&[("PYTHONPATH", "/tmp/py"), ("PYTHONSTARTUP", "/tmp/py/site.py")])
            .verify(NOT_RUN)
            .survived(),
        Attack::new("env-gconv-path", "mkdir /tmp/g; cp /bout/evil.so /tmp/g/X.so; echo 'module X// INTERNAL X 1' >/tmp/g/gconv-modules")
            .environment(&[("GCONV_PATH", "/tmp/g"), ("LC_ALL", "xx_XX.X")])
            .verify(NOT_RUN)
            .survived(),
        Attack::new(
            "env-command-in-value",
            "printf 'A=$(id -u >/root/pwned)\\nB=`id -u >/root/pwned`\\n' >>/etc/projectmeats/projectmeats.env",
        )
        .given(LOOSE)
        .verify(NOT_RUN),
        Attack::new(
            "env-command-in-line",
            "echo 'A=1 id -u >/root/pwned' >>/etc/projectmeats/projectmeats.env; \
             echo 'id -u >/root/pwned' >>/etc/projectmeats/projectmeats.env",
        )
        .given(LOOSE)
        .verify(NOT_RUN),
        Attack::new("env-forged-socket", "")
            .given("rm -f /srv/victim/sock; touch /srv/victim/sock")
            .environment(&[("NOTIFY_SOCKET", "/srv/victim/sock"), ("JOURNAL_STREAM", "1:1")])
            .verify("rm -f /srv/victim/sock")
            .survived(),
        Attack::new("env-forged-invocation", ":")
            .environment(&[("INVOCATION_ID", "x\n\u{1b}[2J\",\"started\":true"), ("TMPDIR", "/srv/victim")])
            .verify("grep -c 2J /run/projectmeats-fixes/status.json 2>/dev/null | grep -v ^0 || true")
            .survived(),
        Attack::new(
            "env-endless-value",
            "cd /etc/projectmeats; { printf 'A=\"'; head -c 20000000 /dev/zero | tr '\\0' x; } >>projectmeats.env",
        )
        .given(LOOSE)
        .survived(),
        Attack::new(
            "env-many-keys",
            "seq -f 'K%.0f=\"' 1 200000 >>/etc/projectmeats/projectmeats.env",
        )
        .given(LOOSE)
        .survived(),
        Attack::new(
            "env-escapes-in-lines",
            "printf 'export \\033]0;x\\007=1\\nA B\\r\\033[2J=2\\n' >>/etc/projectmeats/projectmeats.env",
        )
        .given(LOOSE)
        .survived(),
    ]
}

fn state() -> Vec<Attack> {
    vec![
        Attack::new(
            "state-directory-of-the-user",
            "cd /var/lib/projectmeats-fixes; ln -s /srv/victim backups; ln -s /srv/victim failures",
        )
        .given("install -d -o projectmeats /var/lib/projectmeats-fixes")
        .survived(),
        Attack::new(
            "run-directory-of-the-user",
            "cd /run/projectmeats-fixes; ln -s /etc/cron.d/evil lock; ln -s /etc/shadow status.json; \
             ln -s /etc/cron.d/evil .status.json.meats-new",
        )
        .given("install -d -o projectmeats /run/projectmeats-fixes")
        .survived(),
        Attack::new(
            "lock-held-by-the-user",
            "cd /run/projectmeats-fixes; touch lock; flock lock sleep 100 & sleep 0.1",
        )
        .given("install -d -o projectmeats /run/projectmeats-fixes")
        .survived(),
        Attack::new("lock-is-a-directory", "mkdir /run/projectmeats-fixes/lock /run/projectmeats-fixes/status.json")
            .given("install -d -o projectmeats /run/projectmeats-fixes")
            .survived(),
        Attack::new(
            "settings-of-the-user",
            "cd /etc/projectmeats; mkdir -p fixes.conf.d; \
             printf '[paths]\\nlog_dir = /srv/victim\\nwritable = /srv/victim/sub\\n' >fixes.conf; \
             printf '[service]\\nuser = root\\n' >fixes.conf.d/a.conf",
        )
        .given(LOOSE)
        .survived(),
        Attack::new("settings-writable-for-all", "printf '[paths]\\nlog_dir = /srv/victim\\n' >/etc/projectmeats/fixes.conf")
            .given("touch /etc/projectmeats/fixes.conf; chmod 666 /etc/projectmeats/fixes.conf")
            .survived(),
        Attack::new(
            "settings-through-a-link",
            "printf '[paths]\\nlog_dir = /srv/victim\\n' >/opt/projectmeats/fixes.conf",
        )
        .given("ln -s /opt/projectmeats/fixes.conf /etc/projectmeats/fixes.conf")
        .survived(),
        Attack::new("settings-log-directory-in-etc", ":")
            .given("printf '[paths]\\nlog_dir = /etc/cron.d\\n' >/etc/projectmeats/fixes.conf")
            .survived(),
        Attack::new("settings-log-file-outside", ":")
            .given("printf '[paths]\\nlog_files = ../../../etc/cron.d/evil\\n' >/etc/projectmeats/fixes.conf")
            .survived(),
    ]
}
