"""Runs of wrk and of pgbench. All load comes from them."""

import json
import os
import re
import subprocess
import time

from . import twins, usage
from .cluster import DATABASE, LOGIN, Failed
from .server import POOL

LUA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wrk")
THREADS = max(2, min(POOL, os.cpu_count() or 2))


class Traffic:
    def __init__(self, programs, cluster, people):
        self.programs, self.cluster, self.people = programs, cluster, people
        self.people_lua = os.path.join(cluster.directory, "people.lua")
        people.write_lua(self.people_lua)
        self.twins = {}
        self.failures = []

    def ask(self, server, kinds, connections, seconds, victims=0):
        """Requests of these kinds, by weight, from many users at once."""
        words = ["-s", os.path.join(LUA, "requests.lua"), server.url, "--", self.people_lua, str(victims), str(THREADS)]
        for kind, weight in kinds.items():
            words += [kind, str(weight)]
        return self.wrk(server, f"{'+'.join(kinds)} at {connections}", connections, seconds, words)

    def ask_one(self, server, path, user, connections, seconds, timeout=10):
        """The same request of one user, again and again."""
        words = ["-s", os.path.join(LUA, "report.lua"), "-H", f"Authorization: Bearer {self.people.token(user)}",
                 server.url + path]
        return self.wrk(server, path, connections, seconds, words, timeout)

    def ask_alone(self, server, connections, seconds):
        """A list again and again from each connection, each another user's, and each counted for itself."""
        words = ["-s", os.path.join(LUA, "alone.lua"), server.url]
        return self.wrk(server, "list, counted", connections, seconds, words, threads=connections)

    def wrk(self, server, what, connections, seconds, words, timeout=10, threads=None):
        threads = threads or min(THREADS, connections)
        command = [self.programs.wrk, f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{timeout}s",
                   *words]
        before = usage.of_process(server.pid), usage.of_postgresql(self.cluster.pid)
        environment = {**os.environ, "BENCH_LUA": LUA, "BENCH_PEOPLE": self.people_lua}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        after = usage.of_process(server.pid), usage.of_postgresql(self.cluster.pid)

        found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
        if done.returncode != 0 or not found:
            raise Failed(f"wrk failed: {done.stdout}{done.stderr}{server.last_words()}")
        result = json.loads(found[1])
        result["rps"] = result["requests"] / result["seconds"]
        for name, start, end in zip(("server_cpu", "postgresql_cpu"), before, after):
            result[name] = end - start
            result[name + "_us"] = 1e6 * (end - start) / max(1, result["requests"])
        errors = {name: count for name, count in result["errors"].items() if count}
        if errors:
            self.failures.append(f"{what}: {errors} of {result['requests']} requests")
        if not result["requests"] and not result["bytes"]:
            self.failures.append(f"{what}: no answer")
        return result

    def twin(self, kinds, seconds, victims=0):
        """The transactions of these kinds, by weight, from pgbench, over as many connections as the server has."""
        words = ["-n", "-M", "prepared", "-c", str(POOL), "-j", str(THREADS), "-T", str(seconds), "-h", "127.0.0.1",
                 "-p", str(self.cluster.port), "-U", LOGIN, "-D", f"from={victims}", "-D", "n=-1", "-D",
                 f"clients={POOL}"]
        for kind, weight in kinds.items():
            twin = self.twins[kind]
            path = os.path.join(self.cluster.directory, f"{kind}.sql")
            with open(path, "w", encoding="utf-8") as out:
                out.write(twin.script(self.people))
            words += ["-f", f"{path}@{weight}"]
            for name, value in twin.constants.items():
                words += ["-D", f"{name}={value}"]

        before = usage.of_postgresql(self.cluster.pid)
        done = subprocess.run([self.programs.postgresql("pgbench"), *words, DATABASE], capture_output=True, text=True,
                              env={**self.cluster.environment(), "PGOPTIONS": twins.settings()}, check=False)
        time.sleep(0.5)  # its backends end, and are counted as children that have ended
        after = usage.of_postgresql(self.cluster.pid)

        tps = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        count = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M)
        failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.M)
        if done.returncode != 0 or not tps or not count or (failed and int(failed[1])):
            raise Failed(f"pgbench failed: {done.stdout}{done.stderr}")
        return {"tps": float(tps[1]), "requests": int(count[1]),
                "postgresql_cpu_us": 1e6 * (after - before) / max(1, int(count[1]))}
