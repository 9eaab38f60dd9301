"""PostgreSQL further away: the pipelining server against a server that waits for the answer to each statement."""

from ..report import Row, rotated
from ..server import Delay, Server

TITLE = "PostgreSQL further away: lists per second at 64 connections, pipelined / one statement at a time"
ROUND_TRIPS = [0, 1, 5]  # milliseconds that are added


def prepare(_):
    """Does nothing. Each run starts its own proxy and server."""


def measure(bench, number):
    results = {}
    for milliseconds in rotated(ROUND_TRIPS, number):
        found = {}
        for way in rotated(["pipelined", "one at a time"], number):
            with Delay(bench.delay, bench.cluster, milliseconds, way == "one at a time") as delay:
                with Server(bench.program, bench.cluster, bench.users, delay.port) as server:
                    bench.traffic.requests(server, {"list": 1}, 64, 1)  # opens the server's connections
                    found[way] = bench.traffic.requests(server, {"list": 1}, 64, max(1, bench.seconds // 2))
        results[milliseconds] = found
        rates = "   ".join(f"{way} {one['rps']:.0f}/s" for way, one in sorted(found.items()))
        bench.say(f"  {milliseconds} ms: {rates}")
    return results


def rows(results):
    for milliseconds in ROUND_TRIPS:
        found = [result[milliseconds] for result in results]
        yield Row(f"{milliseconds} ms added to a round trip",
                  [one["pipelined"]["rps"] / one["one at a time"]["rps"] for one in found], None, "{:.0f}/s / {:.0f}/s",
                  [(one["pipelined"]["rps"], one["one at a time"]["rps"]) for one in found])
