"""What a read replica saves the primary, and what it costs: a server with one and a server without, in turns."""

import os
import statistics

from .. import usage
from ..cluster import free_port
from ..report import Row, rotated
from ..server import Server

TITLE = "Read replicas: a server with DATABASE_REPLICA_URL / without, on one machine"
KINDS = ["list", "create"]
TURNS = 4
CONNECTIONS = 64


class Standby:
    """A standby of the benchmark's PostgreSQL. Starts when it is entered, stops when it is left."""

    def __init__(self, cluster):
        self.cluster, self.port = cluster, free_port()
        self.data = os.path.join(cluster.directory, f"standby-{self.port}")

    def __enter__(self):
        self.cluster.run("pg_basebackup", "-h", self.cluster.directory, "-p", str(self.cluster.port), "-U", "postgres", "-R",
                         "-c", "fast", "-D", self.data)
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(f"port = {self.port}\n")
        self.cluster.run("pg_ctl", "start", "-w", "-s", "-t", "60", "-D", self.data,
                         "-l", os.path.join(self.cluster.directory, "standby.log"))
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
            self.pid = int(file.readline())
        return self

    def __exit__(self, *_):
        self.cluster.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data, check=False)


def prepare(_):
    """Does nothing. Each run starts its own servers."""


def measure(bench, number):
    seconds = max(1, bench.seconds // 2)
    found = {kind: {"with": [], "without": []} for kind in KINDS}
    with Standby(bench.cluster) as standby, \
            Server(bench.program, bench.cluster, bench.users, replica_port=standby.port, metrics=True) as with_replica, \
            Server(bench.program, bench.cluster, bench.users, metrics=True) as without:
        servers = {"with": with_replica, "without": without}
        with_replica.wait_until_it_reads_from_its_replica()
        for server in servers.values():
            bench.traffic.requests(server, {"list": 1}, CONNECTIONS, 1)  # opens the server's connections
        for kind in KINDS:
            for turn in range(TURNS):
                for name in rotated(list(servers), number + turn):
                    before = usage.of_postgresql(standby.pid)
                    run = bench.traffic.requests(servers[name], {kind: 1}, CONNECTIONS, seconds)
                    run["standby_cpu_us"] = 1e6 * (usage.of_postgresql(standby.pid) - before) / max(1, run["requests"])
                    found[kind][name].append(run)
    keys = ("server_cpu_us", "postgresql_cpu_us", "standby_cpu_us", "rps")
    results = {kind: {name: {key: statistics.median(run[key] for run in runs) for key in keys} for name, runs in sides.items()}
               for kind, sides in found.items()}
    for kind, sides in results.items():
        bench.say(f"  {kind:7}" + "   ".join(
            f"{name} server {one['server_cpu_us']:.1f}, primary {one['postgresql_cpu_us']:.1f}, "
            f"standby {one['standby_cpu_us']:.1f} µs, {one['rps']:.0f}/s" for name, one in sides.items()))
    return results


def rows(results):
    def row(text, compute, shown):
        pairs = [(compute(result, "with"), compute(result, "without")) for result in results]
        return Row(text, [one / other for one, other in pairs], None, shown, pairs, "{:.3f}")

    for kind in KINDS:
        yield row(f"{kind}, {CONNECTIONS} connections: processor time of the primary, with / without",
                  lambda result, side, kind=kind: result[kind][side]["postgresql_cpu_us"], "{:.1f} / {:.1f} µs a request")
        yield row(f"{kind}, {CONNECTIONS} connections: processor time of all, with / without",
                  lambda result, side, kind=kind: sum(result[kind][side][key] for key in (
                      "server_cpu_us", "postgresql_cpu_us", "standby_cpu_us")), "{:.1f} / {:.1f} µs a request")
        yield row(f"{kind}, {CONNECTIONS} connections: requests per second, with / without",
                  lambda result, side, kind=kind: result[kind][side]["rps"], "{:.0f}/s / {:.0f}/s")
