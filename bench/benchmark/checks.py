"""Checks that the measured work is right: one request of each kind, and its pgbench script."""

import json
import re

from . import pgbench_scripts
from .cluster import LOGIN
from .server import Server
from .users import DESCRIPTION, FIRST_TO_DELETE, TASKS_EACH, TITLE


class WrongAnswer(Exception):
    """A wrong answer of the server, or a pgbench script with a wrong result."""


def check(holds, text):
    if not holds:
        raise WrongAnswer(text)


def check_all(bench):
    """Sends one request of each kind, and keeps its pgbench script for the measurements."""
    users, cluster = bench.users, bench.cluster
    to_delete = users.reset(cluster, 2)
    # PostgreSQL logs every statement of the login while this server runs.
    cluster.sql(f"alter role {LOGIN} set log_statement = 'all'")
    with Server(bench.program, cluster, users) as server:
        for kind in pgbench_scripts.ROLES:
            check_one(bench, server, kind, to_delete)
    cluster.sql(f"alter role {LOGIN} reset log_statement")


def check_one(bench, server, kind, to_delete):
    users, cluster, role = bench.users, bench.cluster, pgbench_scripts.ROLES[kind]
    number = to_delete % users.group if role == "deleter" else 3
    user = users.user(role, number)
    task = FIRST_TO_DELETE + to_delete if role == "deleter" else users.task(role, number, 7)
    method, path, body, status = {
        "list": ("GET", "/api/tasks", None, 200),
        "read": ("GET", f"/api/tasks/{task}", None, 200),
        "create": ("POST", "/api/tasks", {"title": TITLE, "description": DESCRIPTION}, 201),
        "replace": ("PUT", f"/api/tasks/{task}", {"title": pgbench_scripts.NEW_TITLE, "description": DESCRIPTION}, 200),
        "toggle": ("PATCH", f"/api/v1/tasks/{task}/toggle", None, 200),
        "delete": ("DELETE", f"/api/v1/tasks/{task}", None, 204),
    }[kind]

    since = cluster.log_size()
    answer = server.request(method, path, users.token(user), body)
    text = answer.content.decode()
    check(answer.status == status, f"{method} {path}: {answer.status} instead of {status}: {text[:300]}")
    if kind == "list":
        tasks = json.loads(text)
        check([entry["user_id"] for entry in tasks] == [user] * TASKS_EACH,
              f"{path}: these are not the {TASKS_EACH} tasks of {user}")
        check([entry["id"] for entry in tasks] == [users.task(role, number, k) for k in reversed(range(TASKS_EACH))],
              f"{path}: these are not the loaded tasks, or not in the order of their ids")
        bench.list_size = len(answer.content)
    elif kind != "delete":
        entry = json.loads(text)
        check(entry["user_id"] == user and (kind == "create" or entry["id"] == task),
              f"{method} {path}: this is another task")
        check(kind != "replace" or entry["title"] == pgbench_scripts.NEW_TITLE,
              f"{method} {path}: the title was not replaced")

    known = {user: "user", str(task): "id", pgbench_scripts.NEW_TITLE: "title"}
    script = pgbench_scripts.recorded(cluster, since, kind, known)
    bench.traffic.scripts[kind] = script
    if kind == "delete":
        # The request has deleted its task: the script deletes the next one, which is another user's.
        after = {user: users.user(role, (to_delete + 1) % users.group), str(task): str(task + 1)}
        statements = re.sub(r"'(\d+)'", lambda found: f"'{after.get(found[1], found[1])}'", script.for_psql())
    else:
        statements = script.for_psql()
    rows = [line for line in cluster.sql_as_login(statements).splitlines() if line]
    wanted = TASKS_EACH if kind == "list" else 1
    check(len(rows) == wanted, f"the pgbench script of {kind} returns {len(rows)} rows instead of {wanted}")
    bench.say(f"  {kind}: {answer.status}; PostgreSQL saw {' · '.join(script.names)}; the script: {len(rows)} "
              f"row{'s' if len(rows) > 1 else ''}")


def count(bench, first, end=None):
    """The number of tasks whose id is at least `first`, and below `end`."""
    below = f" and id < {end}" if end else ""
    return int(bench.cluster.sql(f"select count(*) from app.tasks where id >= {first}{below}"))


def check_row_count(what, requests, rows, connections):
    """Each answered request changed a row. Besides those, each connection can have one more at the end of the run."""
    check(requests <= rows <= requests + connections,
           f"{what}: {requests} requests were answered, but {rows} rows changed ({connections} connections)")
