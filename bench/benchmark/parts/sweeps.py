"""Questions that have to look at all tasks of somebody's: how long the user with the most waits, alone and four at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from ..report import Row, rotated
from ..server import Server

TITLE = "Sweeps: other orders and searches, for the user with the most tasks"
AT_ONCE = 4
LIMIT = 10 / 3  # seconds: a third of REQUEST_TIMEOUT, which is as long as Postgres may work on a statement
QUERIES = {
    "by title": "sort=title",
    "last changed first": "sort=-updated_at",
    "a text that no task contains": "q=nowhere+to+be+found",
    "the longest page after the longest offset, by title": "sort=title&limit=1000&offset=10000",
}


def prepare(_):
    """There is nothing to prepare."""


def measure(bench, number):
    results = {}
    token = bench.people.token(bench.people.user("ladder", bench.people.ladder[-1]))
    with Server(bench.program, bench.cluster, bench.people) as server:
        server.ask("GET", "/api/v1/tasks", token)

        def seconds(path):
            started = time.monotonic()
            answer = server.ask("GET", path, token)
            if answer.status != 200:
                bench.traffic.failures.append(f"{path}: {answer.status}")
            return time.monotonic() - started

        for name in rotated(list(QUERIES), number):
            path = f"/api/v1/tasks?{QUERIES[name]}"
            with ThreadPoolExecutor(AT_ONCE) as pool:
                results[name] = {"alone": seconds(path), "together": max(pool.map(seconds, [path] * AT_ONCE))}
    bench.say("  " + "   ".join(f"{name}: {one['alone']:.2f} s" for name, one in results.items()))
    return results


def rows(results):
    for name in QUERIES:
        yield Row(f"{name}: time / what a statement may take", [result[name]["alone"] / LIMIT for result in results], "<= 1",
                  f"{{:.2f}} s alone, {{:.2f}} s for the last of {AT_ONCE} at once",
                  [(result[name]["alone"], result[name]["together"]) for result in results])
