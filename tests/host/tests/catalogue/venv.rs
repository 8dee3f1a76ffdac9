//! The virtual environment.

use super::{Case, pasted};

pub(super) const CASES: &[Case] = &[
    pasted("F43", "gunicorn is gone", "PKG-005", "mv $APP/venv/bin/gunicorn /root/g; kick"),
    pasted(
        "F43",
        "gunicorn may not be executed",
        "PKG-007",
        "chmod 644 $APP/venv/bin/gunicorn; kick",
    ),
    pasted(
        "F43",
        "gunicorn's first line names a Python that is not there",
        "PKG-006",
        "sed -i '1s|.*|#!/home/dev/venv/bin/python3|' $APP/venv/bin/gunicorn; kick",
    ),
    pasted(
        "F43",
        "gunicorn's first line names the system's Python",
        "PKG-025",
        "sed -i '1s|.*|#!/usr/bin/python3|' $APP/venv/bin/gunicorn; kick",
    ),
    pasted("F43", "gunicorn's script is empty", "PKG-025", ": >$APP/venv/bin/gunicorn; kick"),
    pasted(
        "F58",
        "the files of a package are gone, pip lists it",
        "PKG-013",
        "rm -r $APP/venv/lib/python3*/site-packages/rest_framework; kick",
    ),
    pasted(
        "F46",
        "a package of the requirements is not installed",
        "PKG-010",
        "$APP/venv/bin/pip uninstall -qy djangorestframework; kick",
    ),
    pasted(
        "F43",
        "the interpreter is gone",
        "PKG-002",
        "mv $APP/venv/bin/python3 /root/py3; kick",
    ),
    pasted(
        "F44",
        "the environment is for another Python",
        "PKG-003",
        "mv $APP/venv/lib/python3.11 $APP/venv/lib/python3.9; kick",
    ),
    pasted(
        "F19",
        "a stray .env that python-decouple may not read",
        "ENV-066",
        "$APP/venv/bin/pip install -q python-decouple
         printf '%s\\n' 'from decouple import config' 'COMPANY = config(\"COMPANY\", default=\"\")' \\
             >>$APP/backend/projectmeats/settings.py
         install -m 600 /dev/null $APP/backend/.env; kick",
    ),
    pasted(
        "F45",
        "an old gunicorn without pkg_resources",
        "PKG-008",
        "sed -i 's/^gunicorn==.*/gunicorn==20.0.4/' $APP/backend/requirements.txt
         $APP/venv/bin/pip install -q gunicorn==20.0.4
         $APP/venv/bin/pip uninstall -qy setuptools; kick",
    ),
];
