//! Logs, directories, disks.

use super::{Case, pasted, person};

pub(super) const CASES: &[Case] = &[
    pasted("F01", "logs of www-data", "LOG-001", "chown -R www-data:www-data $LOGS"),
    pasted(
        "F02",
        "a log of root's, left by hand",
        "LOG-001",
        "rm $LOGS/django.log; install -m 644 /dev/null $LOGS/django.log",
    ),
    pasted(
        "F06",
        "a log was rotated, and nobody told gunicorn",
        "LOG-008",
        "mv $LOGS/error.log $LOGS/error.log.1
         install -o projectmeats -g www-data -m 664 /dev/null $LOGS/error.log",
    ),
    pasted(
        "F03",
        "a directory in place of a log",
        "LOG-004",
        "rm $LOGS/error.log; mkdir $LOGS/error.log; kick",
    ),
    pasted(
        "F03",
        "a link in place of a log",
        "LOG-004",
        "rm $LOGS/error.log; ln -s /etc/shadow $LOGS/error.log; kick",
    ),
    pasted(
        "F02",
        "a log of root's that nobody else may read",
        "LOG-001",
        "rm $LOGS/django.log; install -m 600 /dev/null $LOGS/django.log",
    ),
    pasted("F04", "no log directory", "LOG-003", "systemctl stop projectmeats; rm -r $LOGS"),
    person(
        "F07",
        "the log's file system is full",
        "DSK-001",
        "mount -t tmpfs -o size=64k,mode=775,uid=$(id -u projectmeats),gid=33 tmpfs $LOGS
         head -c 80k /dev/zero >$LOGS/x 2>/dev/null; kick",
        "umount -l $LOGS; kick",
    ),
    pasted("F08", "the application's directory is closed", "SVC-022", "chmod 700 $APP; kick"),
    pasted("F08", "a package is closed", "SVC-022", "chmod 700 $APP/venv; kick"),
    pasted("F32", "media is missing", "LOG-003", "rm -r $APP/backend/media"),
    pasted("F53", "media cannot be written", "LOG-001", "chown root:root $APP/backend/media"),
    pasted(
        "F05",
        "the logs are mounted read-only",
        "DSK-003",
        "mount --bind $LOGS $LOGS; mount -o remount,ro,bind $LOGS; kick",
    ),
];
