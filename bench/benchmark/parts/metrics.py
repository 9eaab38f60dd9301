"""What metrics cost: a server with ADMIN_ADDR and one without, in turns. The one with metrics is scraped in each of its turns."""

import statistics
import threading
import urllib.request

from ..report import Row, rotated
from ..server import Server

TITLE = "Metrics: processor time of the server for a list, with ADMIN_ADDR / without"
TURNS = 4
CONNECTIONS = 64


def prepare(_):
    """Does nothing. Each run starts its own servers."""


def scraped(server):
    with urllib.request.urlopen(f"{server.admin_url}/metrics", timeout=10) as answer:
        return answer.read()


def measure(bench, number):
    seconds, found = max(1, bench.seconds // 2), {"with": [], "without": []}
    with Server(bench.program, bench.cluster, bench.users, metrics=True) as with_metrics, \
            Server(bench.program, bench.cluster, bench.users) as without:
        servers = {"with": with_metrics, "without": without}
        for server in servers.values():
            bench.traffic.requests(server, {"list": 1}, CONNECTIONS, 1)  # opens the server's connections
        for turn in range(TURNS):
            for name in rotated(list(servers), number + turn):
                scrape = threading.Timer(seconds / 2, lambda: scraped(with_metrics) if name == "with" else None)
                scrape.start()
                found[name].append(bench.traffic.requests(servers[name], {"list": 1}, CONNECTIONS, seconds))
                scrape.join()
    results = {name: {key: statistics.median(run[key] for run in runs) for key in ("server_cpu_us", "rps")}
               for name, runs in found.items()}
    bench.say("  " + "   ".join(f"{name} {one['server_cpu_us']:.1f} µs, {one['rps']:.0f}/s" for name, one in results.items()))
    return results


def rows(results):
    def each(compute):
        return [compute(result["with"], result["without"]) for result in results]

    yield Row(f"list, {CONNECTIONS} connections: processor time of the server, with / without",
              each(lambda one, other: one["server_cpu_us"] / other["server_cpu_us"]), "<= 1.03",
              "{:.1f} / {:.1f} µs a request", each(lambda one, other: (one["server_cpu_us"], other["server_cpu_us"])),
              "{:.3f}")
    yield Row(f"list, {CONNECTIONS} connections: requests per second, with / without",
              each(lambda one, other: one["rps"] / other["rps"]), None, "{:.0f}/s / {:.0f}/s",
              each(lambda one, other: (one["rps"], other["rps"])), "{:.3f}")
