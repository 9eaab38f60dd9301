"""Requests per second of the server against transactions per second of pgbench with the same statements."""

from .. import checks
from ..people import FIRST_CREATED, FIRST_VICTIM
from ..report import Row, rotated
from ..server import Server

TITLE = "Requests per second, against pgbench with the same SQL and as many database connections"

MIXED = {"list": 60, "read": 20, "create": 8, "replace": 6, "toggle": 4, "delete": 2}
WORKLOADS = {kind: {kind: 1} for kind in MIXED} | {"mixed": MIXED}
CROWDED = ["list", "mixed"]


def prepare(bench):
    """A short run of each, which is not counted, and shows how many tasks there must be to delete."""
    bench.deletes = 4000 * bench.cores * 2
    results = measure(bench, 0, seconds=1)["workloads"]
    fastest = max(results["delete"]["server 64"]["rps"], results["delete"]["pgbench"]["tps"])
    bench.deletes = int(4 * fastest * (bench.seconds + 1))


def measure(bench, number, seconds=None):
    seconds = seconds or bench.seconds
    people, traffic = bench.people, bench.traffic
    # A mixed run has 2 deletes of 100 requests; each run has tasks of its own to delete.
    supply = iter(range(people.tidy(bench.cluster, 5 * bench.deletes), people.next_victim, bench.deletes))
    results = {}

    with Server(bench.program, bench.cluster, people) as server:
        traffic.ask(server, {"list": 1}, 64, 1)  # its connections are there from now on
        for workload in rotated(list(WORKLOADS), number):
            kinds, found = WORKLOADS[workload], {}
            sides = ["server 64", "pgbench"] + (["server 1000"] if workload in CROWDED else [])
            for side in rotated(sides, number):
                victims = next(supply) if "delete" in kinds else 0
                with Counted(bench, workload) as counted:
                    if side == "pgbench":
                        found[side] = traffic.twin(kinds, seconds, victims)
                        counted.expect(found[side]["requests"], 0)
                    else:
                        connections = int(side.split()[1])
                        # A crowd needs its time to arrive, in which those who are there already wait for less.
                        longer = seconds * (1 if connections < 1000 else 2)
                        found[side] = traffic.ask(server, kinds, connections, longer, victims)
                        counted.expect(found[side]["requests"], connections)
                        if workload == "list":
                            checks.demand(found[side]["bytes"] >= bench.octets_of_list * found[side]["requests"] * 0.9,
                                          "lists were shorter than they should be")
            results[workload] = found
            bench.say(f"  {workload:8} " + "   ".join(
                f"{side} {one.get('rps') or one['tps']:6.0f}/s" for side, one in sorted(found.items())))
    return {"workloads": results}


class Counted:
    """Counts the rows that a run of creates or deletes leaves behind."""

    def __init__(self, bench, workload):
        self.bench, self.workload = bench, workload

    def rows(self):
        if self.workload == "create":
            return checks.count(self.bench, FIRST_CREATED)
        if self.workload == "delete":
            return -checks.count(self.bench, FIRST_VICTIM, FIRST_CREATED)
        return 0

    def __enter__(self):
        self.before = self.rows()
        return self

    def expect(self, requests, connections):
        self.expected = requests, connections

    def __exit__(self, failed, *_):
        if not failed and self.workload in ("create", "delete"):
            requests, connections = self.expected
            checks.demand_acknowledged(self.workload, requests, self.rows() - self.before, connections)


def rows(results):
    def each(workload, compute):
        return [compute(result["workloads"][workload]) for result in results]

    def speed(workload, connections):
        side = f"server {connections}"
        return Row(
            f"{workload}, {connections} connections",
            each(workload, lambda one: one[side]["rps"] / one["pgbench"]["tps"]),
            {("list", 64): ">= 1.0", ("list", 1000): ">= 0.8"}.get((workload, connections)),
            "{:.0f}/s; p50 {:.0f}, p95 {:.0f}, p99 {:.0f} ms; pgbench {:.0f}/s",
            each(workload, lambda one: (one[side]["rps"], one[side]["p50_ms"], one[side]["p95_ms"], one[side]["p99_ms"],
                                        one["pgbench"]["tps"])))

    def processor(workload, connections):
        side = f"server {connections}"
        return Row(
            f"processor time, server / PostgreSQL: {workload}, {connections} connections",
            each(workload, lambda one: one[side]["server_cpu"] / max(one[side]["postgresql_cpu"], 1e-9)),
            "<= 0.5" if (workload, connections) == ("list", 64) else None,
            "{:.0f} / {:.0f} µs a request; PostgreSQL {:.0f} µs for pgbench",
            each(workload, lambda one: (one[side]["server_cpu_us"], one[side]["postgresql_cpu_us"],
                                        one["pgbench"]["postgresql_cpu_us"])))

    yield from (speed(workload, 64) for workload in WORKLOADS)
    for workload in CROWDED:
        yield speed(workload, 1000)
        yield Row(
            f"{workload}, 1000 connections: p95 / (1000 / requests per second)",
            each(workload, lambda one: one["server 1000"]["p95_ms"] * one["server 1000"]["rps"] / 1e6),
            "<= 1.5", "p95 {:.0f} ms", each(workload, lambda one: (one["server 1000"]["p95_ms"],)))
    yield from (processor(workload, 64) for workload in WORKLOADS)
    yield from (processor(workload, 1000) for workload in CROWDED)
