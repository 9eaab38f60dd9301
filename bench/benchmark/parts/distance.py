"""PostgreSQL further away: the server as it is, against a server that awaits each statement."""

from ..report import Row, rotated
from ..server import Delay, Server

TITLE = "PostgreSQL further away: lists at 64 connections, as it is / awaiting each statement"
ROUND_TRIPS = [0, 1, 5]  # milliseconds that are added


def prepare(_):
    """Each run has a proxy and a server of its own."""


def measure(bench, number):
    results = {}
    for milliseconds in rotated(ROUND_TRIPS, number):
        found = {}
        for way in rotated(["as it is", "in turn"], number):
            with Delay(bench.delay, bench.cluster, milliseconds, way == "in turn") as delay:
                with Server(bench.program, bench.cluster, bench.people, delay.port) as server:
                    bench.traffic.ask(server, {"list": 1}, 64, 1)  # its connections are there from now on
                    found[way] = bench.traffic.ask(server, {"list": 1}, 64, max(1, bench.seconds // 2))
        results[milliseconds] = found
        bench.say(f"  {milliseconds} ms: " + "   ".join(f"{way} {one['rps']:.0f}/s" for way, one in sorted(found.items())))
    return results


def rows(results):
    for milliseconds in ROUND_TRIPS:
        found = [result[milliseconds] for result in results]
        yield Row(f"{milliseconds} ms added to a round trip",
                  [one["as it is"]["rps"] / one["in turn"]["rps"] for one in found], None, "{:.0f}/s / {:.0f}/s",
                  [(one["as it is"]["rps"], one["in turn"]["rps"]) for one in found])
