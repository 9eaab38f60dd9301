"""Requests per second of the server, against transactions per second of pgbench with the same statements."""

from .. import checks
from ..report import Row, rotated
from ..server import Server
from ..users import FIRST_CREATED, FIRST_TO_DELETE

TITLE = "Requests per second, against pgbench with the same SQL and as many database connections"

MIXED = {"list": 60, "read": 20, "create": 8, "replace": 6, "toggle": 4, "delete": 2}
WORKLOADS = {kind: {kind: 1} for kind in MIXED} | {"mixed": MIXED}
WITH_1000_CONNECTIONS = ["list", "mixed"]


def prepare(bench):
    """Makes a short run of each workload, which shows how many tasks a run can delete. Its figures are dropped."""
    bench.deletes = 4000 * bench.cores * 2
    results = measure(bench, 0, seconds=1)["workloads"]
    fastest = max(results["delete"]["server 64"]["rps"], results["delete"]["pgbench"]["tps"])
    bench.deletes = int(4 * fastest * (bench.seconds + 1))


def measure(bench, number, seconds=None):
    seconds = seconds or bench.seconds
    users, traffic = bench.users, bench.traffic
    # Each run deletes other tasks. In a mixed run 2 requests of 100 are deletes.
    ranges = iter(range(users.reset(bench.cluster, 5 * bench.deletes), users.next_to_delete, bench.deletes))
    results = {}

    with Server(bench.program, bench.cluster, users) as server:
        traffic.requests(server, {"list": 1}, 64, 1)  # opens the server's connections
        for workload in rotated(list(WORKLOADS), number):
            kinds, found = WORKLOADS[workload], {}
            sides = ["server 64", "pgbench"] + (["server 1000"] if workload in WITH_1000_CONNECTIONS else [])
            for side in rotated(sides, number):
                first_to_delete = next(ranges) if "delete" in kinds else 0
                with RowCount(bench, workload) as counted:
                    if side == "pgbench":
                        found[side] = traffic.transactions(kinds, seconds, first_to_delete)
                        counted.expect(found[side]["requests"], 0)
                    else:
                        connections = int(side.split()[1])
                        # 1000 connections take a while to open; until then the first ones have shorter waits.
                        longer = seconds * (1 if connections < 1000 else 2)
                        found[side] = traffic.requests(server, kinds, connections, longer, first_to_delete)
                        counted.expect(found[side]["requests"], connections)
                        if workload == "list":
                            checks.check(found[side]["bytes"] >= bench.list_size * found[side]["requests"] * 0.9,
                                         "the lists are too short")
            results[workload] = found
            bench.say(f"  {workload:8} " + "   ".join(
                f"{side} {one.get('rps') or one['tps']:6.0f}/s" for side, one in sorted(found.items())))
    return {"workloads": results}


class RowCount:
    """Checks that a run of creates or deletes changed as many rows as it had answers."""

    def __init__(self, bench, workload):
        self.bench, self.workload = bench, workload

    def rows(self):
        if self.workload == "create":
            return checks.count(self.bench, FIRST_CREATED)
        if self.workload == "delete":
            return -checks.count(self.bench, FIRST_TO_DELETE, FIRST_CREATED)
        return 0

    def __enter__(self):
        self.before = self.rows()
        return self

    def expect(self, requests, connections):
        self.expected = requests, connections

    def __exit__(self, failed, *_):
        if not failed and self.workload in ("create", "delete"):
            requests, connections = self.expected
            checks.check_row_count(self.workload, requests, self.rows() - self.before, connections)


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
            "{:.0f} / {:.0f} µs a request; PostgreSQL {:.0f} µs a pgbench transaction",
            each(workload, lambda one: (one[side]["server_cpu_us"], one[side]["postgresql_cpu_us"],
                                        one["pgbench"]["postgresql_cpu_us"])))

    yield from (speed(workload, 64) for workload in WORKLOADS)
    for workload in WITH_1000_CONNECTIONS:
        yield speed(workload, 1000)
        yield Row(
            f"{workload}, 1000 connections: p95 / (1000 / requests per second)",
            each(workload, lambda one: one["server 1000"]["p95_ms"] * one["server 1000"]["rps"] / 1e6),
            "<= 1.5", "p95 {:.0f} ms", each(workload, lambda one: (one["server 1000"]["p95_ms"],)))
    yield from (processor(workload, 64) for workload in WORKLOADS)
    yield from (processor(workload, 1000) for workload in WITH_1000_CONNECTIONS)
