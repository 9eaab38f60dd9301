"""Whole lists, however long: how fast they come, and in how much memory."""

from .. import checks, usage
from ..report import Row, rotated
from ..server import Server

TITLE = "Whole lists"
BASE = 100
AT_ONCE = 8


def prepare(bench):
    """Reads the list of everybody on the ladder once, and counts the tasks in it."""
    bench.list_octets = {}
    with Server(bench.program, bench.cluster, bench.people) as server:
        for size in bench.people.ladder:
            tasks, octets = whole_list(server, bench.people.token(bench.people.user("ladder", size)))
            if tasks != size:
                bench.traffic.failures.append(f"the list of {size:,} tasks has {tasks:,} ({octets:,} octets)")
            bench.list_octets[size] = octets


def whole_list(server, token):
    """How many tasks and how many octets it has."""
    answer = server.ask("GET", "/api/tasks", token, read=False)
    tasks, octets, begun, mark = 0, 0, b"", b'{"id":'
    try:
        while portion := answer.read(1 << 20):
            octets += len(portion)
            portion = begun + portion
            tasks += portion.count(mark)
            begun = portion[-len(mark) + 1:]  # the mark can be cut in two
    except OSError as error:
        return tasks, f"{octets}, then {error}"
    return tasks, octets


def measure(bench, number):
    people, results = bench.people, {"speed": {}, "memory": {}}
    largest = people.ladder[-1]
    with Server(bench.program, bench.cluster, people) as server:
        for size in rotated(people.ladder, number):
            seconds = max(1, bench.seconds // 2) if size < largest else max(2, 2 * bench.seconds)
            one = bench.traffic.ask_one(server, "/api/tasks", people.user("ladder", size), 1, seconds, timeout=120)
            results["speed"][size] = {
                "mb_per_second": one["bytes"] / one["seconds"] / 1e6,
                "seconds": bench.list_octets[size] * one["seconds"] / max(1, one["bytes"]),
                "cpu_us_per_task": 1e6 * (one["server_cpu"] + one["postgresql_cpu"]) / max(1, one["bytes"])
                                   * bench.list_octets[size] / size,
            }
    bench.say("  MB/s: " + "   ".join(f"{size:,}: {results['speed'][size]['mb_per_second']:.0f}" for size in people.ladder))

    for size in people.ladder[-2:]:
        with Server(bench.program, bench.cluster, people) as server:
            usage.forget_peak(server.pid)
            bench.traffic.ask_one(server, "/api/tasks", people.user("ladder", size), AT_ONCE, 2 * bench.seconds, timeout=120)
            results["memory"][size] = usage.memory(server.pid)[1]
    bench.say(f"  {AT_ONCE} at once: " + "   ".join(f"{size:,}: {mb:.0f} MB" for size, mb in results["memory"].items()))
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
    yield Row(f"resident memory at most, {AT_ONCE} lists of {largest:,} at once / of {before:,}",
              each(lambda one: one["memory"][largest] / one["memory"][before]), "<= 1.3 (bounded, however long)",
              "{:.0f} MB / {:.0f} MB", each(lambda one: (one["memory"][largest], one["memory"][before])))
