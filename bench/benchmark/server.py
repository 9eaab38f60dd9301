"""Rowkeep and the delaying proxy, as processes."""

import http.client
import json
import os
import subprocess
import time
import urllib.request

from .cluster import Failed, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POOL_SIZE = 8


def build(programs):
    """Builds the release program as it is shipped. Returns its path."""
    command = [programs.cargo, "build", "--release", "--features", "jemalloc", "--locked", "--bin", "rowkeep"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise Failed("cargo build failed")
    metadata = subprocess.run([programs.cargo, "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=ROOT,
                          check=True, capture_output=True, text=True).stdout
    return os.path.join(json.loads(metadata)["target_directory"], "release", "rowkeep")


def build_delay(programs, directory):
    """Builds the proxy with rustc alone, since it needs only the standard library. (Cargo knows it as an example, so that
    clippy checks it; but `cargo build --example` would compile every dependency again, with the features of tests.)"""
    program = os.path.join(directory, "delay")
    command = [programs.rustc, "--edition", "2024", "-O", "-o", program, os.path.join("bench", "delay.rs")]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise Failed("rustc failed")
    return program


class Process:
    """Starts when it is entered, stops when it is left."""

    command = []
    environment = None
    log = os.devnull

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, cwd=ROOT)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_until_ready(self):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            if self.is_ready():
                return
            time.sleep(0.05)
        raise Failed(f"{os.path.basename(self.command[0])} did not start: {self.last_lines()}")

    def last_lines(self):
        """Its exit code, if it has ended, and the last lines of its log."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            last = log.readlines()[-10:]
        return f"exit code {self.process.poll()}\n{''.join(last)}"

    def is_ready(self):
        return True

    @property
    def pid(self):
        return self.process.pid


class Server(Process):
    """Rowkeep with a pool of 8 connections, and otherwise its defaults: it logs a line for each request, into a file."""

    def __init__(self, program, cluster, users, database_port=None, metrics=False, settings=None, replica_port=None):
        self.port = free_port()
        self.command = [program]
        self.log = os.path.join(cluster.directory, "rowkeep.log")
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ENVIRONMENT": "development",
            "DATABASE_URL": cluster.url(database_port),
            "MIGRATION_DATABASE_URL": cluster.migrating_url(),
            "DATABASE_POOL_SIZE": str(POOL_SIZE),
            "BETTER_AUTH_SECRET": users.secret,
            **(settings or {}),
        }
        if metrics:
            admin = f"127.0.0.1:{free_port()}"
            self.environment["ADMIN_ADDR"], self.admin_url = admin, f"http://{admin}"

        if replica_port:
            self.environment["DATABASE_REPLICA_URL"] = cluster.url(replica_port)

    def wait_until_it_reads_from_its_replica(self):
        for _ in range(300):
            with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=10) as answer:
                if b'rowkeep_replica_in_use{replica="1"} 1' in answer.read():
                    return
            time.sleep(0.05)
        raise Failed(f"the replica is not used: {self.last_lines()}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self):
        try:
            return self.request("GET", "/health").status == 200
        except OSError:
            return False

    def request(self, method, path, token=None, body=None, read=True):
        """Sends one request. The answer has `status` and `getheader`, and `content` if it is read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        if read:
            answer.content = answer.read()
            connection.close()
        return answer

    def migrate(self):
        done = subprocess.run([*self.command, "migrate"], env=self.environment, cwd=ROOT, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"rowkeep migrate failed: {done.stderr.strip()}")


class Delay(Process):
    """A proxy before PostgreSQL that makes a round trip `milliseconds` longer."""

    def __init__(self, program, cluster, milliseconds, one_at_a_time):
        self.port = free_port()
        self.log = os.path.join(cluster.directory, "delay.log")
        each_way = str(int(milliseconds * 1000 / 2))
        self.command = [program, str(self.port), str(cluster.port), each_way]
        if one_at_a_time:
            self.command.append("--one-at-a-time")

    def is_ready(self):
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = f"0100007F:{self.port:04X} 00000000:0000 0A"
            return any(listening in line for line in file)
