"""Whole lists of any length: how fast the server sends them, and with how much memory."""

from .. import checks, usage
from ..report import Row, rotated
from ..server import Server

TITLE = "Whole lists"
BASE = 100
PARALLEL = 8


def prepare(bench):
    """Reads the whole list of each sized user once, and counts its tasks."""
    bench.list_bytes = {}
    with Server(bench.program, bench.cluster, bench.users) as server:
        for size in bench.users.sizes:
            tasks, length = whole_list(server, bench.users.token(bench.users.user("sized", size)))
            if tasks != size:
                bench.traffic.failures.append(f"the list of {size:,} tasks has {tasks:,} ({length:,} bytes)")
            bench.list_bytes[size] = length


def whole_list(server, token):
    """The number of tasks and of bytes."""
    answer = server.request("GET", "/api/tasks", token, read=False)
    tasks, length, begun, mark = 0, 0, b"", b'{"id":'
    try:
        while portion := answer.read(1 << 20):
            length += len(portion)
            portion = begun + portion
            tasks += portion.count(mark)
            begun = portion[-len(mark) + 1:]  # the mark can be split between two portions
    except OSError as error:
        return tasks, f"{length}, then {error}"
    return tasks, length


def measure(bench, number):
    users, results = bench.users, {"speed": {}, "memory": {}}
    largest = users.sizes[-1]
    with Server(bench.program, bench.cluster, users) as server:
        for size in rotated(users.sizes, number):
            seconds = max(1, bench.seconds // 2) if size < largest else max(2, 2 * bench.seconds)
            one = bench.traffic.repeat(server, "/api/tasks", users.user("sized", size), 1, seconds, timeout=120)
            results["speed"][size] = {
                "mb_per_second": one["bytes"] / one["seconds"] / 1e6,
                "seconds": bench.list_bytes[size] * one["seconds"] / max(1, one["bytes"]),
                "cpu_us_per_task": 1e6 * (one["server_cpu"] + one["postgresql_cpu"]) / max(1, one["bytes"])
                                   * bench.list_bytes[size] / size,
            }
    bench.say("  MB/s: " + "   ".join(f"{size:,}: {results['speed'][size]['mb_per_second']:.0f}" for size in users.sizes))

    for size in users.sizes[-2:]:
        with Server(bench.program, bench.cluster, users) as server:
            usage.reset_peak(server.pid)
            bench.traffic.repeat(server, "/api/tasks", users.user("sized", size), PARALLEL, 2 * bench.seconds, timeout=120)
            results["memory"][size] = usage.memory(server.pid)[1]
    bench.say(f"  {PARALLEL} at once: " + "   ".join(f"{size:,}: {mb:.0f} MB" for size, mb in results["memory"].items()))
    return results


def rows(results):
    sizes = list(results[0]["speed"])
    largest, before = sizes[-1], sizes[-2]

    def each(compute):
        return [compute(result) for result in results]

    yield Row(f"processor time for each task, list of {largest:,} / list of {BASE}",
              each(lambda one: one["speed"][largest]["cpu_us_per_task"] / one["speed"][BASE]["cpu_us_per_task"]), None,
              "µs a task by size: " + ", ".join(f"{size:,}: {{:.1f}}" for size in sizes),
              each(lambda one: tuple(one["speed"][size]["cpu_us_per_task"] for size in sizes)))
    yield Row(f"MB/s, list of {largest:,} / list of {BASE}, one after the other",
              each(lambda one: one["speed"][largest]["mb_per_second"] / one["speed"][BASE]["mb_per_second"]), None,
              f"list of {largest:,}: {{:.2f}} s; MB/s by size: " + ", ".join(f"{size:,}: {{:.0f}}" for size in sizes),
              each(lambda one: (one["speed"][largest]["seconds"],
                                *(one["speed"][size]["mb_per_second"] for size in sizes))))
    yield Row(f"peak resident memory, {PARALLEL} lists of {largest:,} at once / of {before:,}",
              each(lambda one: one["memory"][largest] / one["memory"][before]), "<= 1.3 (does not grow with the list)",
              "{:.0f} MB / {:.0f} MB", each(lambda one: (one["memory"][largest], one["memory"][before])))
