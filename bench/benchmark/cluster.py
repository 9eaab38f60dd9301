"""A temporary PostgreSQL, which is deleted at the end."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LOGIN = "rowkeep_bench"
DATABASE = "rowkeep"

# PostgreSQL's defaults, with these exceptions. Commits are durable: fsync and synchronous_commit stay on. There is no
# checkpoint during a measurement, where it would slow down one side only. Statements are logged as JSON, so that the
# benchmark can read those of the server.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{directory}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {shared_buffers}MB
max_wal_size = 8GB
checkpoint_timeout = 1h
logging_collector = on
log_destination = 'jsonlog'
log_directory = 'log'
log_filename = 'server.log'
log_rotation_age = 0
log_rotation_size = 0
"""


class Failed(Exception):
    """A program failed. The text says which one, and why."""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def memory_in_mb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


class Cluster:
    """Starts when it is entered; stops and is deleted when it is left."""

    def __init__(self, programs):
        self.programs = programs
        self.port = free_port()
        self.password = secrets.token_hex(16)
        # PostgreSQL refuses to run as root.
        self.system_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="rowkeep-bench-", dir="/tmp")  # a short path: it holds a socket
        try:
            if self.system_user:
                shutil.chown(self.directory, "postgres", "postgres")
            self.data = os.path.join(self.directory, "data")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second ctrl-c must not interrupt this
        if os.path.exists(os.path.join(self.directory, "data", "postmaster.pid")):
            self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        self.run("initdb", "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
                 "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "-D", self.data)
        shared_buffers = min(1024, memory_in_mb() // 8)
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write(SETTINGS.format(port=self.port, directory=self.directory, shared_buffers=shared_buffers))
        self.run("pg_ctl", "start", "-w", "-s", "-t", "60", "-D", self.data,
                 "-l", os.path.join(self.directory, "start.log"))
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
            self.pid = int(file.readline())
        self.sql(f"create database {DATABASE} encoding 'UTF8' locale 'C.UTF-8' template template0", database="postgres")

    def run(self, program, *arguments, check=True):
        done = subprocess.run([self.programs.postgresql(program), *arguments], cwd=self.directory, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              **self.system_user)
        if check and done.returncode != 0:
            raise Failed(f"{program} failed:\n{done.stdout.strip()}")
        return done.stdout

    def sql(self, text, database=DATABASE, variables=None):
        """The output of psql, as the superuser, over the socket."""
        return self.psql(text, ["-h", self.directory, "-U", "postgres", "-d", database], variables)

    def sql_as_login(self, text):
        """The same as the serving login, over TCP."""
        return self.psql(text, ["-h", "127.0.0.1", "-U", LOGIN, "-d", DATABASE])

    def psql(self, text, where, variables=None):
        command = [self.programs.postgresql("psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1",
                 "-p", str(self.port), *where]
        for name, value in (variables or {}).items():
            command += ["-v", f"{name}={value}"]
        done = subprocess.run(command, input=text, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"psql failed: {done.stderr.strip()}\nin: {text.strip()}")
        return done.stdout.strip()

    def environment(self):
        return {**os.environ, "PGPASSWORD": self.password, "PGSSLMODE": "disable", "PGCLIENTENCODING": "UTF8"}

    def url(self, port=None):
        """The `DATABASE_URL` of the server: over TCP, with the recommended login."""
        port = port or self.port
        return f"postgres://{LOGIN}:{self.password}@127.0.0.1:{port}/{DATABASE}?sslmode=disable"

    def migrating_url(self):
        return f"host='{self.directory}' port={self.port} user=postgres dbname={DATABASE}"

    def log_size(self):
        """The size of the log, once it has stopped growing: another process writes it, with a delay."""
        size = -1
        while size != (size := os.path.getsize(self.log_file())):
            time.sleep(0.3)
        return size

    def log_file(self):
        return os.path.join(self.data, "log", "server.json")

    def logged_since(self, size):
        """The entries of the log after `size` bytes, once it has stopped growing."""
        self.log_size()
        with open(self.log_file(), encoding="utf-8") as file:
            file.seek(size)
            return [json.loads(line) for line in file]
