"""Reads every file of a directory with one library and prints what it got, as JSON with hex."""

import json
import os
import sys

which, directory = sys.argv[1:3]


def hexed(text):
    return None if text is None else text.encode("utf-8", "surrogatepass").hex()


def dotenv(path):
    from dotenv import dotenv_values

    return {hexed(k): hexed(v) for k, v in dotenv_values(path).items()}


def environ(path):
    import environ

    os.environ.clear()
    environ.Env.read_env(path)
    found = {}
    for key in list(os.environ):
        try:
            found[hexed(key)] = hexed(environ.Env()(key))
        except (environ.ImproperlyConfigured, RecursionError):
            found[hexed(key)] = "fails"
    return found


def decouple(path):
    from decouple import RepositoryEnv

    return {hexed(k): hexed(v) for k, v in RepositoryEnv(path).data.items()}


import logging

logging.disable(logging.CRITICAL)
answers = {}
for name in sorted(os.listdir(directory)):
    try:
        answers[name] = globals()[which](os.path.join(directory, name))
    except Exception:
        answers[name] = "error"
print(json.dumps(answers))
