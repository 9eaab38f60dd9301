"""Many connections: memory at 64 and at 1000 connections, and whether each connection gets its share of answers.

wrk counts answers for each thread, so it gets a thread for each connection. Connections are opened one after the other:
the first ones get more answers, until all are open. A connection with fewer answers than the median has waited longer.
"""

import statistics

from .. import usage
from ..report import Row
from ..server import Server

TITLE = "Many connections: resident memory, and fairness"


def prepare(_):
    """Does nothing. Each round starts a new server, since a process does not always give memory back to the system."""


def measure(bench, _):
    result = {}
    with Server(bench.program, bench.cluster, bench.users) as server:
        for connections in (64, 1000):
            usage.reset_peak(server.pid)
            bench.traffic.requests(server, {"list": 1}, connections, bench.seconds)
            result[f"memory {connections}"] = usage.memory(server.pid)[1]
            bench.say(f"  {connections} connections: {result[f'memory {connections}']:.0f} MB")

        counted = bench.traffic.lists_per_connection(server, 1000, 2 * bench.seconds)
        # The last request of each connection got no answer before the end.
        answers = sorted(sent - 1 for sent in counted["sent"])
        result["answers"] = {"least": answers[0], "median": statistics.median(answers), "most": answers[-1],
                           "first percentile": answers[len(answers) // 100]}
        result["waits"] = {"longest": counted["max_ms"], "mean": counted["mean_ms"]}
        bench.say(f"  lists for each of 1000 connections: {answers[0]} to {answers[-1]}, "
                  f"median {statistics.median(answers):.0f}")
    return result


def rows(results):
    for connections in (64, 1000):
        yield Row(f"peak resident memory, {connections} connections, MB",
                  [result[f"memory {connections}"] for result in results],
                  "<= 64" if connections == 1000 else None, number_format="{:.0f}")
    yield Row("answers of the connection with the fewest / of the median connection; 1000 connections of different users",
              [result["answers"]["least"] / max(1, result["answers"]["median"]) for result in results], None,
              "{:.0f} to {:.0f}, median {:.0f}",
              [tuple(result["answers"][which] for which in ("least", "most", "median")) for result in results])
    yield Row("longest wait / mean wait, 1000 connections",
              [result["waits"]["longest"] / result["waits"]["mean"] for result in results], None,
              "{:.0f} ms / {:.0f} ms", [(result["waits"]["longest"], result["waits"]["mean"]) for result in results])
