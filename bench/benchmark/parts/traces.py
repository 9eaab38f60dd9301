"""What traces cost: a server that exports the spans of every request, one that exports a tenth, and one that exports none, in turns.

All three have metrics, which count the spans. The collector reads what it gets and throws it away. Its processor time is that of
another program, and is not counted.
"""

import http.server
import re
import statistics
import threading
import urllib.request

from ..report import Row, rotated
from ..server import Server

TITLE = "Traces: processor time of the server for a list, exporting spans / not"
TURNS = 4
CONNECTIONS = 64
SAMPLERS = {
    "every request": {},  # the default of OTEL_TRACES_SAMPLER
    "a tenth": {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
}


class Collector(http.server.ThreadingHTTPServer):
    """Takes spans while it is entered."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # so that connections are kept

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def prepare(_):
    """Does nothing. Each run starts its own servers."""


def spans(server):
    """How many spans the server has exported and lost, by outcome."""
    with urllib.request.urlopen(f"{server.admin_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode()
    return {outcome: float(number)
            for outcome, number in re.findall(r'^rowkeep_spans_total\{outcome="(\w+)"\} (\S+)$', lines, re.M)}


def measure(bench, number):
    seconds = max(1, bench.seconds // 2)
    with Collector() as collector:
        exporting = {name: {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **sampler} for name, sampler in SAMPLERS.items()}
        servers = {name: Server(bench.program, bench.cluster, bench.users, metrics=True, settings=settings)
                   for name, settings in {**exporting, "none": {}}.items()}
        with servers["every request"], servers["a tenth"], servers["none"]:
            results = take_turns(bench, servers, seconds, number)
    bench.say("  " + "   ".join(f"{name} {one['server_cpu_us']:.1f} µs, {one['rps']:.0f}/s, {one['spans']}"
                                for name, one in results.items()))
    return results


def take_turns(bench, servers, seconds, number):
    found = {name: [] for name in servers}
    for server in servers.values():
        bench.traffic.requests(server, {"list": 1}, CONNECTIONS, 1)  # opens the server's connections
    before = {name: spans(server) for name, server in servers.items()}
    for turn in range(TURNS):
        for name in rotated(list(servers), number + turn):
            found[name].append(bench.traffic.requests(servers[name], {"list": 1}, CONNECTIONS, seconds))
    results = {}
    for name, runs in found.items():
        results[name] = {key: statistics.median(run[key] for run in runs) for key in ("server_cpu_us", "rps")}
        after = spans(servers[name])
        results[name]["spans"] = {outcome: after[outcome] - before[name][outcome] for outcome in after}
        if name != "none" and not results[name]["spans"]["exported"]:
            bench.traffic.failures.append(f"traces of {name}: no span was exported: {results[name]['spans']}")
    return results


def rows(results):
    for name in SAMPLERS:
        with_spans, without = [result[name] for result in results], [result["none"] for result in results]

        def each(compute):
            return [compute(one, other) for one, other in zip(with_spans, without)]

        yield Row(f"list, {CONNECTIONS} connections: processor time of the server, spans of {name} / none",
                  each(lambda one, other: one["server_cpu_us"] / other["server_cpu_us"]), None,
                  "{:.1f} / {:.1f} µs a request", each(lambda one, other: (one["server_cpu_us"], other["server_cpu_us"])),
                  "{:.3f}")
        yield Row(f"list, {CONNECTIONS} connections: requests per second, spans of {name} / none",
                  each(lambda one, other: one["rps"] / other["rps"]), None, "{:.0f}/s / {:.0f}/s",
                  each(lambda one, other: (one["rps"], other["rps"])), "{:.3f}")
        yield Row(f"spans of {name} that were exported, of all that ended",
                  [one["spans"]["exported"] / max(1, sum(one["spans"].values())) for one in with_spans], None,
                  "{:.0f} exported, {:.0f} lost",
                  [(one["spans"]["exported"], one["spans"]["dropped"] + one["spans"]["failed"]) for one in with_spans],
                  "{:.3f}")
