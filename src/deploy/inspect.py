# Loads the application as gunicorn would and says what it is made of, as one JSON line behind a
# marker (applications print at import). Runs as the service user, in the project's directory,
# with the environment of the service. argv: MARKER MODULE:OBJECT
import importlib
import json
import os
import sys

marker, application = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.getcwd())
said = {"application": "ok", "database": "ok", "pending": [], "orphans": [], "risky": []}


def say():
    sys.stdout.write("\n" + marker + json.dumps(said) + "\n")
    sys.stdout.flush()
    os._exit(0)


def reason(error):
    text = str(error).strip().splitlines()
    return type(error).__name__ + (": " + text[0] if text else "")


def place(error):
    at, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(os.getcwd() + os.sep):
            at = "%s:%d" % (os.path.relpath(name), trace.tb_lineno)
        trace = trace.tb_next
    return at


try:
    module = importlib.import_module(application.partition(":")[0])
    getattr(module, application.partition(":")[2].partition("(")[0] or "application")
    # Views are imported at the first request only; a missing module of theirs shows here.
    from django.urls import get_resolver

    get_resolver().url_patterns
except BaseException as error:
    said.update(application=reason(error), at=place(error))
    say()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

said["settings_module"] = os.environ.get("DJANGO_SETTINGS_MODULE", "")
said["debug"] = bool(settings.DEBUG)
said["allowed_hosts"] = [str(host) for host in settings.ALLOWED_HOSTS]
said["static_root"] = str(settings.STATIC_ROOT or "")
RISKY = {"RemoveField", "RenameField", "DeleteModel", "RenameModel", "RunSQL", "RunPython"}
try:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    executor = MigrationExecutor(connection)
    graph, loader = executor.loader.graph, executor.loader
    for migration, _ in executor.migration_plan(graph.leaf_nodes()):
        name = "%s.%s" % (migration.app_label, migration.name)
        said["pending"].append(name)
        kinds = {type(operation).__name__ for operation in migration.operations}
        # On an empty database nothing is in use yet.
        if loader.applied_migrations:
            said["risky"] += ["%s %s" % (name, kind) for kind in sorted(kinds & RISKY)]
    known = set(loader.disk_migrations)
    replaced = {key for m in loader.disk_migrations.values() for key in m.replaces}
    labels = {app for app, _ in known}
    for app, name in sorted(set(loader.applied_migrations) - known - replaced):
        if app in labels:
            said["orphans"].append("%s.%s" % (app, name))
except BaseException as error:
    said["database"] = reason(error)
say()
