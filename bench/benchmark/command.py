"""The command line, and the order of the steps."""

import argparse
import json
import os
import signal
import statistics
import sys
import time

from . import checks, report
from .cluster import DATABASE, LOGIN, Cluster, Failed
from .parts import distance, full_scans, growth, lists, many_connections, metrics, replicas, throughput, traces
from .users import Users
from .programs import Missing, Programs
from .server import ROOT, Server, build, build_delay
from .traffic import Traffic

PARTS = {
    "throughput": throughput, "connections": many_connections, "growth": growth, "lists": lists,
    "full_scans": full_scans, "distance": distance, "metrics": metrics, "traces": traces,
    "replicas": replicas,
}
RESULTS = os.path.join(ROOT, "bench", "results.json")


class Bench:
    """The state that the parts share."""

    def __init__(self, options, programs):
        self.small, self.seconds, self.rounds = options.small, options.seconds, options.rounds
        self.cores = os.cpu_count() or 1
        self.program = build(programs)
        self.users = Users(options.small)
        self.started = time.monotonic()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def set_up(self, cluster, programs):
        self.cluster = cluster
        self.delay = build_delay(programs, cluster.directory)
        Server(self.program, cluster, self.users).migrate()
        with open(os.path.join(ROOT, "sql", "setup", "login.sql"), encoding="utf-8") as file:
            cluster.sql(file.read(), variables={"login": LOGIN, "password": cluster.password})
        self.say("loading tasks")
        self.say(f"{self.users.load(cluster):,} tasks are in the database {DATABASE}")
        self.traffic = Traffic(programs, cluster, self.users)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures how fast Rowkeep is, compared with PostgreSQL "
                                     "itself. Needs Linux, PostgreSQL, wrk, cargo and Python 3.9.")
    parser.add_argument("--small", action="store_true",
                        help="few tasks and one short round: shows only that the benchmark works")
    parser.add_argument("--rounds", type=int, help="number of rounds (default: 5; with --small: 1)")
    parser.add_argument("--seconds", type=int, help="length of a run (default: 5; with --small: 1)")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART",
                        help="measure only this part; can be given several times: " + ", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.small else 5)
    options.seconds = options.seconds or (1 if options.small else 5)
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds must be 1 or more")
    return options


def main():
    options = parse(sys.argv[1:])
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))  # ends every with block
    try:
        programs = Programs()
        bench = Bench(options, programs)
        bench.say("starting PostgreSQL")
        with Cluster(programs) as cluster:
            bench.set_up(cluster, programs)
            parts = {name: part for name, part in PARTS.items() if not options.only or name in options.only}
            results = measure(bench, parts)
            present(bench, options, programs, parts, results)
    except (Missing, Failed, checks.WrongAnswer) as problem:
        print(f"bench/run: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    for failure in bench.traffic.failures:
        print(f"bench/run: failed: {failure}", file=sys.stderr)
    return 1 if bench.traffic.failures else 0


def measure(bench, parts):
    """Runs the rounds: each has every part, each time in another order."""
    bench.say("checking one request of each kind")
    checks.check_all(bench)
    for name, part in parts.items():
        bench.say(f"warming up: {name}")
        part.prepare(bench)
    results = {name: [] for name in parts}
    bench.load = []
    for number in range(bench.rounds):
        for name in report.rotated(list(parts), number):
            bench.say(f"round {number + 1} of {bench.rounds}: {name}")
            results[name].append(parts[name].measure(bench, number))
            bench.load.append(os.getloadavg()[0])
    return results


def present(bench, options, programs, parts, results):
    failures = bench.traffic.failures
    conditions = (f"{report.machine(programs)}; {bench.rounds} round{'s' if bench.rounds > 1 else ''}, runs of "
                  f"{bench.seconds} s, load average {statistics.median(bench.load):.0f}; "
                  f"requests that failed: {len(failures) and '; '.join(failures) or 'none'}")
    tables = [(part.TITLE, list(part.rows(results[name]))) for name, part in parts.items()]
    print("\n" + "\n".join(report.text_table(title, rows) for title, rows in tables) + "\n" + conditions, flush=True)

    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump({"conditions": conditions, "failures": failures, "results": results}, file, indent=1)
    if options.write:
        report.write_page(report.markdown(tables, conditions))
