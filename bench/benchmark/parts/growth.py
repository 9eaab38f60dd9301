"""The cost of a page for users with 10 to 1,000,000 tasks, against the user with 100."""

import re
import urllib.parse

from .. import checks
from ..report import Row, rotated
from ..server import Server

TITLE = "Growth: a page of 20 tasks, for a user with many tasks / for a user with 100"
BASE = 100

PAGES = [(where, status) for status in ("all", "pending", "completed") for where in ("first page", "page half-way down")]


def prepare(bench):
    """Finds the page half-way down each sized user's list, as a client does: link by link."""
    bench.pages = {}
    with Server(bench.program, bench.cluster, bench.users) as server:
        for size in bench.users.sizes:
            token = bench.users.token(bench.users.user("sized", size))
            for where, status in PAGES:
                path = f"/api/v1/tasks?limit=20&status={status}"
                if where != "first page":
                    path = half_way(server, token, path, size)
                bench.pages[size, where, status] = path
                answer = server.request("GET", path, token)
                checks.check(answer.status == 200, f"{path}: {answer.status}")
                number = answer.content.count(b'{"id":')
                checks.check(number == 20 or size < 1000, f"{path}: {number} tasks instead of 20")


def half_way(server, token, path, size):
    share = {"all": 1, "pending": 2 / 3, "completed": 1 / 3}[re.search(r"status=(\w+)", path)[1]]
    target = int(size * share / 2)
    step = max(1, min(1000, target))
    here, passed = with_parameter(path, "limit", step), 0
    while passed < target:
        answer = server.request("GET", here, token)
        link = re.search(r'<([^>]*)>\s*;\s*rel="?next"?', answer.getheader("Link") or "")
        if not link and size < 1000:
            return with_parameter(here, "limit", 20)  # so few tasks that there is no second page
        checks.check(link, f"{here}: no link to the next page")
        here, passed = link[1], passed + step
    return with_parameter(here, "limit", 20)


def with_parameter(path, name, value):
    path, _, query = path.partition("?")
    parameters = [(key, text) for key, text in urllib.parse.parse_qsl(query) if key != name]
    return path + "?" + urllib.parse.urlencode([*parameters, (name, value)])


def measure(bench, number):
    users, seconds, results = bench.users, max(1, bench.seconds // 4), {}
    with Server(bench.program, bench.cluster, users) as server:
        bench.traffic.requests(server, {"list": 1}, 64, 1)  # opens the server's connections
        for where, status in rotated(PAGES, number):
            found = {}
            for size in rotated(users.sizes, number):
                user = users.user("sized", size)
                found[size] = bench.traffic.repeat(server, bench.pages[size, where, status], user, 8, seconds)
            results[f"{where}, {status}"] = found
            bench.say(f"  {where}, {status}: " + "   ".join(
                f"{size:,}: {cost(found[size]):.0f} µs" for size in users.sizes))
    return results


def cost(one):
    """Processor time of one request, of the server and PostgreSQL together, in microseconds."""
    return one["server_cpu_us"] + one["postgresql_cpu_us"]


def rows(results):
    for where, status in PAGES:
        name = f"{where}, {status}"
        sizes = list(results[0][name])
        largest = sizes[-1]
        label = where + ("" if status == "all" else f", status={status}")

        def each(compute, name=name):
            return [compute(result[name]) for result in results]

        yield Row(f"{label}: processor time, {largest:,} tasks / {BASE}",
                  each(lambda found: cost(found[largest]) / cost(found[BASE])), "<= 1.3",
                  "µs by size: " + ", ".join(f"{size:,}: {{:.0f}}" for size in sizes),
                  each(lambda found: tuple(cost(found[size]) for size in sizes)))
        yield Row(f"{label}: latency, {largest:,} tasks / {BASE}",
                  each(lambda found: found[largest]["p50_ms"] / found[BASE]["p50_ms"]), "<= 1.3",
                  "p50 {:.2f} / {:.2f} ms, 8 connections",
                  each(lambda found: (found[largest]["p50_ms"], found[BASE]["p50_ms"])))
