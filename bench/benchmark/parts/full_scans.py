"""Queries that read all tasks of a user: how long the user with the most tasks waits, for one and for four at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from ..report import Row, rotated
from ..server import Server

TITLE = "Full scans: other orders and searches, for the user with the most tasks"
PARALLEL = 4
STATEMENT_TIMEOUT = 10 / 3  # seconds: a third of REQUEST_TIMEOUT
QUERIES = {
    "by title": "sort=title",
    "last changed first": "sort=-updated_at",
    "search for a text that no task has": "q=nowhere+to+be+found",
    "by title, the longest page after the largest offset": "sort=title&limit=1000&offset=10000",
}


def prepare(_):
    """Does nothing."""


def measure(bench, number):
    results = {}
    token = bench.users.token(bench.users.user("sized", bench.users.sizes[-1]))
    with Server(bench.program, bench.cluster, bench.users) as server:
        server.request("GET", "/api/v1/tasks", token)

        def seconds(path):
            started = time.monotonic()
            answer = server.request("GET", path, token)
            if answer.status != 200:
                bench.traffic.failures.append(f"{path}: {answer.status}")
            return time.monotonic() - started

        for name in rotated(list(QUERIES), number):
            path = f"/api/v1/tasks?{QUERIES[name]}"
            with ThreadPoolExecutor(PARALLEL) as pool:
                results[name] = {"alone": seconds(path), "parallel": max(pool.map(seconds, [path] * PARALLEL))}
    bench.say("  " + "   ".join(f"{name}: {one['alone']:.2f} s" for name, one in results.items()))
    return results


def rows(results):
    for name in QUERIES:
        yield Row(f"{name}: time / statement timeout",
                  [result[name]["alone"] / STATEMENT_TIMEOUT for result in results], "<= 1",
                  f"{{:.2f}} s alone, {{:.2f}} s for the slowest of {PARALLEL} at once",
                  [(result[name]["alone"], result[name]["parallel"]) for result in results])
