"""What a crowd does: memory at 64 and at 1000 connections, and whether everybody gets their turn.

For turns wrk has a thread for each connection, because it counts by thread. Connections are made one after the other:
the first get more turns than the others until all are there. Who gets fewer than the median has waited longer.
"""

import statistics

from .. import usage
from ..report import Row
from ..server import Server

TITLE = "A crowd: resident memory, and turns"


def prepare(_):
    """Each round starts a server of its own: memory that was once taken is not always given back."""


def measure(bench, _):
    result = {}
    with Server(bench.program, bench.cluster, bench.people) as server:
        for connections in (64, 1000):
            usage.forget_peak(server.pid)
            bench.traffic.ask(server, {"list": 1}, connections, bench.seconds)
            result[f"memory {connections}"] = usage.memory(server.pid)[1]
            bench.say(f"  {connections} connections: {result[f'memory {connections}']:.0f} MB")

        counted = bench.traffic.ask_alone(server, 1000, 2 * bench.seconds)
        # The last request of each was not answered any more.
        turns = sorted(sent - 1 for sent in counted["sent"])
        result["turns"] = {"least": turns[0], "median": statistics.median(turns), "most": turns[-1],
                           "first percentile": turns[len(turns) // 100]}
        result["waits"] = {"longest": counted["max_ms"], "mean": counted["mean_ms"]}
        bench.say(f"  lists for each of 1000 connections: {turns[0]} to {turns[-1]}, median {statistics.median(turns):.0f}")
    return result


def rows(results):
    for connections in (64, 1000):
        yield Row(f"resident memory at most, {connections} connections, MB",
                  [result[f"memory {connections}"] for result in results],
                  "<= 64" if connections == 1000 else None, form="{:.0f}")
    yield Row("lists for the connection that got the fewest / for the median one, 1000 connections, each another user's",
              [result["turns"]["least"] / max(1, result["turns"]["median"]) for result in results], None,
              "{:.0f} to {:.0f}, median {:.0f}",
              [tuple(result["turns"][which] for which in ("least", "most", "median")) for result in results])
    yield Row("longest wait of all / mean wait, 1000 connections",
              [result["waits"]["longest"] / result["waits"]["mean"] for result in results], None,
              "{:.0f} ms / {:.0f} ms", [(result["waits"]["longest"], result["waits"]["mean"]) for result in results])
