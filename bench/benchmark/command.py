"""The command line, and the order of things."""

import argparse
import json
import os
import signal
import statistics
import sys
import time

from . import checks, report
from .cluster import DATABASE, LOGIN, Cluster, Failed
from .parts import crowd, distance, growth, lists, sweeps, throughput
from .people import People
from .programs import Missing, Programs
from .server import ROOT, Server, build, build_delay
from .traffic import Traffic

PARTS = {
    "throughput": throughput, "crowd": crowd, "growth": growth, "lists": lists, "sweeps": sweeps, "distance": distance,
}
RESULTS = os.path.join(ROOT, "bench", "results.json")


class Bench:
    """Everything that the parts share."""

    def __init__(self, options, programs):
        self.small, self.seconds, self.rounds = options.small, options.seconds, options.rounds
        self.cores = os.cpu_count() or 1
        self.program = build(programs)
        self.people = People(options.small)
        self.started = time.monotonic()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:5.0f} s] {text}", flush=True)

    def set_up(self, cluster, programs):
        self.cluster = cluster
        self.delay = build_delay(programs, cluster.directory)
        Server(self.program, cluster, self.people).migrate()
        with open(os.path.join(ROOT, "sql", "setup", "login.sql"), encoding="utf-8") as file:
            cluster.sql(file.read(), variables={"login": LOGIN, "password": cluster.password})
        self.say("loading tasks")
        self.say(f"{self.people.load(cluster):,} tasks in database {DATABASE}")
        self.traffic = Traffic(programs, cluster, self.people)


def options_of(words):
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Rowkeep. Needs PostgreSQL, wrk and cargo.")
    parser.add_argument("--small", action="store_true", help="few tasks and one short round: whether it works at all")
    parser.add_argument("--rounds", type=int, help="how many rounds (default: 5; small: 1)")
    parser.add_argument("--seconds", type=int, help="how long a run takes (default: 5; small: 1)")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART",
                        help="measure only this; can be repeated: " + ", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    options = parser.parse_args(words)
    options.rounds = options.rounds or (1 if options.small else 5)
    options.seconds = options.seconds or (1 if options.small else 5)
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds start at 1")
    return options


def main():
    options = options_of(sys.argv[1:])
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))  # so that what was started is stopped
    try:
        programs = Programs()
        bench = Bench(options, programs)
        bench.say("starting PostgreSQL")
        with Cluster(programs) as cluster:
            bench.set_up(cluster, programs)
            parts = {name: part for name, part in PARTS.items() if not options.only or name in options.only}
            results = measure(bench, parts)
            present(bench, options, programs, parts, results)
    except (Missing, Failed, checks.Wrong) as problem:
        print(f"bench/run: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped, and everything with it", file=sys.stderr)
        return 130
    for failure in bench.traffic.failures:
        print(f"bench/run: failed: {failure}", file=sys.stderr)
    return 1 if bench.traffic.failures else 0


def measure(bench, parts):
    """The rounds: every part in each of them, each time in another order."""
    bench.say("checking what will be measured")
    checks.everything(bench)
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
    about = (f"{report.machine(programs)}; {bench.rounds} round{'s' if bench.rounds > 1 else ''}, runs of "
             f"{bench.seconds} s, load average {statistics.median(bench.load):.0f}; "
             f"requests that failed: {len(failures) and '; '.join(failures) or 'none'}")
    tables = [(part.TITLE, list(part.rows(results[name]))) for name, part in parts.items()]
    print("\n" + "\n".join(report.plain(title, rows) for title, rows in tables) + "\n" + about, flush=True)

    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump({"about": about, "failures": failures, "results": results}, file, indent=1)
    if options.write:
        report.write_readme(report.markdown(tables, about))
