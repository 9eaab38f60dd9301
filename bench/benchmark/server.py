"""Rowkeep and the delaying proxy, as processes of their own."""

import http.client
import json
import os
import subprocess
import time

from .cluster import Failed, free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
POOL = 8


def build(programs):
    """Builds the program as it is shipped. Returns its path."""
    words = [programs.cargo, "build", "--release", "--features", "jemalloc", "--locked", "--bin", "rowkeep"]
    if subprocess.run(words, cwd=ROOT, check=False).returncode != 0:
        raise Failed("cargo build failed")
    said = subprocess.run([programs.cargo, "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=ROOT,
                          check=True, capture_output=True, text=True).stdout
    return os.path.join(json.loads(said)["target_directory"], "release", "rowkeep")


def build_delay(programs, directory):
    """Builds the proxy, which needs nothing but the standard library. (As an example of the package, which it is so
    that clippy sees it, it would first compile every dependency once more, with the features that only tests need.)"""
    program = os.path.join(directory, "delay")
    words = [programs.rustc, "--edition", "2024", "-O", "-o", program, os.path.join("bench", "delay.rs")]
    if subprocess.run(words, cwd=ROOT, check=False).returncode != 0:
        raise Failed("rustc failed")
    return program


class Process:
    """Started when it is entered, stopped when it is left."""

    words = []
    environment = None
    log = os.devnull

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
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
        raise Failed(f"{os.path.basename(self.words[0])} did not start: {self.last_words()}")

    def last_words(self):
        """Whether it has ended, and the end of its log."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            last = log.readlines()[-10:]
        return f"exit code {self.process.poll()}\n{''.join(last)}"

    def is_ready(self):
        return True

    @property
    def pid(self):
        return self.process.pid


class Server(Process):
    """Rowkeep with a pool of 8 connections and else its defaults: a line of log for each request, to a file."""

    def __init__(self, program, cluster, people, database_port=None):
        self.port = free_port()
        self.words = [program]
        self.log = os.path.join(cluster.directory, "rowkeep.log")
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": cluster.url(database_port),
            "MIGRATION_DATABASE_URL": cluster.migrating_url(),
            "DATABASE_POOL_SIZE": str(POOL),
            "BETTER_AUTH_SECRET": people.secret,
        }

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self):
        try:
            return self.ask("GET", "/health").status == 200
        except OSError:
            return False

    def ask(self, method, path, token=None, body=None, read=True):
        """One request. The answer has `status`, `getheader` and `octets`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        if read:
            answer.octets = answer.read()
            connection.close()
        return answer

    def migrate(self):
        done = subprocess.run([*self.words, "migrate"], env=self.environment, cwd=ROOT, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise Failed(f"rowkeep migrate failed: {done.stderr.strip()}")


class Delay(Process):
    """Stands before PostgreSQL and makes it `milliseconds` further away, there and back."""

    def __init__(self, program, cluster, milliseconds, in_turn):
        self.port = free_port()
        self.log = os.path.join(cluster.directory, "delay.log")
        each_way = str(int(milliseconds * 1000 / 2))
        self.words = [program, str(self.port), str(cluster.port), each_way] + (["--in-turn"] if in_turn else [])

    def is_ready(self):
        with open("/proc/net/tcp", encoding="ascii") as file:
            listening = f"0100007F:{self.port:04X} 00000000:0000 0A"
            return any(listening in line for line in file)
