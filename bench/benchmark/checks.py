"""That what is measured is right: one request of each kind is looked at, and its twin."""

import json
import re

from . import twins
from .cluster import LOGIN
from .people import DESCRIPTION, EACH, TITLE
from .server import Server


class Wrong(Exception):
    """An answer that is not what it should be."""


def demand(true, text):
    if not true:
        raise Wrong(text)


def everything(bench):
    """Asks one request of each kind, and keeps their twins for the measurements."""
    people, cluster = bench.people, bench.cluster
    victim = people.tidy(cluster, 2)
    # Every statement of the login is logged while this server runs.
    cluster.sql(f"alter role {LOGIN} set log_statement = 'all'")
    with Server(bench.program, cluster, people) as server:
        for kind in twins.WHO:
            one(bench, server, kind, victim)
    cluster.sql(f"alter role {LOGIN} reset log_statement")


def one(bench, server, kind, victim):
    people, cluster, role = bench.people, bench.cluster, twins.WHO[kind]
    number = victim % people.group if role == "victim" else 3
    user = people.user(role, number)
    task = twins.who.FIRST_VICTIM + victim if role == "victim" else people.task(role, number, 7)
    method, path, body, status = {
        "list": ("GET", "/api/tasks", None, 200),
        "read": ("GET", f"/api/tasks/{task}", None, 200),
        "create": ("POST", "/api/tasks", {"title": TITLE, "description": DESCRIPTION}, 201),
        "replace": ("PUT", f"/api/tasks/{task}", {"title": twins.NEW_TITLE, "description": DESCRIPTION}, 200),
        "toggle": ("PATCH", f"/api/v1/tasks/{task}/toggle", None, 200),
        "delete": ("DELETE", f"/api/v1/tasks/{task}", None, 204),
    }[kind]

    since = cluster.log_size()
    answer = server.ask(method, path, people.token(user), body)
    said = answer.octets.decode()
    demand(answer.status == status, f"{method} {path}: {answer.status} instead of {status}: {said[:300]}")
    if kind == "list":
        tasks = json.loads(said)
        demand([entry["user_id"] for entry in tasks] == [user] * EACH, f"{path}: not the {EACH} tasks of {user}")
        demand([entry["id"] for entry in tasks] == [people.task(role, number, k) for k in reversed(range(EACH))],
               f"{path}: not in the order of their ids, or not those that were loaded")
        bench.octets_of_list = len(answer.octets)
    elif kind != "delete":
        entry = json.loads(said)
        demand(entry["user_id"] == user and (kind == "create" or entry["id"] == task), f"{method} {path}: not that task")
        demand(kind != "replace" or entry["title"] == twins.NEW_TITLE, f"{method} {path}: the title is another")

    known = {user: "user", str(task): "id", twins.NEW_TITLE: "title"}
    twin = twins.seen(cluster, since, kind, known)
    bench.traffic.twins[kind] = twin
    if kind == "delete":
        # The task is gone: the twin deletes the next, of the next user.
        after = {user: people.user(role, (victim + 1) % people.group), str(task): str(task + 1)}
        again = re.sub(r"'(\d+)'", lambda found: f"'{after.get(found[1], found[1])}'", twin.for_psql())
    else:
        again = twin.for_psql()
    rows = [line for line in cluster.sql_as_login(again).splitlines() if line]
    wanted = EACH if kind == "list" else 1
    demand(len(rows) == wanted, f"the twin of {kind} has {len(rows)} rows instead of {wanted}")
    bench.say(f"  {kind}: {answer.status}; PostgreSQL saw {' · '.join(twin.names)}; the twin: {len(rows)} "
              f"row{'s' if len(rows) > 1 else ''}")


def count(bench, first, last=None):
    """How many tasks have an id from `first` on, and below `last`."""
    below = f" and id < {last}" if last else ""
    return int(bench.cluster.sql(f"select count(*) from app.tasks where id >= {first}{below}"))


def demand_acknowledged(what, requests, rows, connections):
    """What was answered was done, and nothing but what was still under way at the end was done besides."""
    demand(requests <= rows <= requests + connections,
           f"{what}: {requests} were acknowledged, and {rows} rows tell of them ({connections} connections)")
