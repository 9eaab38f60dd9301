"""Runs of wrk and pgbench, which generate all load."""

import json
import os
import re
import subprocess
import time

from . import pgbench_scripts, usage
from .cluster import DATABASE, LOGIN, Failed
from .server import POOL_SIZE

LUA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wrk")
THREADS = max(2, min(POOL_SIZE, os.cpu_count() or 2))


class Traffic:
    def __init__(self, programs, cluster, users):
        self.programs, self.cluster, self.users = programs, cluster, users
        self.users_lua = os.path.join(cluster.directory, "users.lua")
        users.write_lua(self.users_lua)
        self.scripts = {}
        self.failures = []

    def requests(self, server, kinds, connections, seconds, first_to_delete=0):
        """Runs wrk with requests of these kinds, by weight, from many users."""
        arguments = ["-s", os.path.join(LUA, "requests.lua"), server.url, "--", self.users_lua, str(first_to_delete),
                     str(THREADS)]
        for kind, weight in kinds.items():
            arguments += [kind, str(weight)]
        return self.wrk(server, f"{'+'.join(kinds)} at {connections}", connections, seconds, arguments)

    def repeat(self, server, path, user, connections, seconds, timeout=10):
        """Runs wrk with one request of one user, again and again."""
        arguments = ["-s", os.path.join(LUA, "report.lua"), "-H", f"Authorization: Bearer {self.users.token(user)}",
                 server.url + path]
        return self.wrk(server, path, connections, seconds, arguments, timeout)

    def lists_per_connection(self, server, connections, seconds):
        """Runs wrk with a list on each connection, again and again. Each has its own user and its own count."""
        arguments = ["-s", os.path.join(LUA, "per_connection.lua"), server.url]
        return self.wrk(server, "list per connection", connections, seconds, arguments, threads=connections)

    def wrk(self, server, what, connections, seconds, arguments, timeout=10, threads=None):
        threads = threads or min(THREADS, connections)
        command = [self.programs.wrk, f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{timeout}s",
                   *arguments]
        before = usage.of_process(server.pid), usage.of_postgresql(self.cluster.pid)
        environment = {**os.environ, "BENCH_LUA": LUA, "BENCH_USERS": self.users_lua}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        after = usage.of_process(server.pid), usage.of_postgresql(self.cluster.pid)

        found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
        if done.returncode != 0 or not found:
            raise Failed(f"wrk failed: {done.stdout}{done.stderr}{server.last_lines()}")
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

    def transactions(self, kinds, seconds, first_to_delete=0):
        """Runs pgbench with the transactions of these kinds, by weight, over as many connections as the server has."""
        arguments = ["-n", "-M", "prepared", "-c", str(POOL_SIZE), "-j", str(THREADS), "-T", str(seconds),
                     "-h", "127.0.0.1", "-p", str(self.cluster.port), "-U", LOGIN,
                     "-D", f"from={first_to_delete}", "-D", "n=-1", "-D", f"clients={POOL_SIZE}"]
        for kind, weight in kinds.items():
            script = self.scripts[kind]
            path = os.path.join(self.cluster.directory, f"{kind}.sql")
            with open(path, "w", encoding="utf-8") as out:
                out.write(script.text(self.users))
            arguments += ["-f", f"{path}@{weight}"]
            for name, value in script.constants.items():
                arguments += ["-D", f"{name}={value}"]

        before = usage.of_postgresql(self.cluster.pid)
        environment = {**self.cluster.environment(), "PGOPTIONS": pgbench_scripts.settings()}
        done = subprocess.run([self.programs.postgresql("pgbench"), *arguments, DATABASE], env=environment,
                              capture_output=True, text=True, check=False)
        time.sleep(0.5)  # until its backends have ended: PostgreSQL then counts their processor time
        after = usage.of_postgresql(self.cluster.pid)

        tps = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        count = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M)
        failed = re.search(r"^number of failed transactions: (\d+)", done.stdout, re.M)
        if done.returncode != 0 or not tps or not count or (failed and int(failed[1])):
            raise Failed(f"pgbench failed: {done.stdout}{done.stderr}")
        return {"tps": float(tps[1]), "requests": int(count[1]),
                "postgresql_cpu_us": 1e6 * (after - before) / max(1, int(count[1]))}
