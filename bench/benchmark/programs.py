"""Finds the programs that the benchmark needs."""

import glob
import os
import re
import shutil
import subprocess
import sys

OLDEST_RELEASE = 15
POSTGRESQL = ["initdb", "pg_ctl", "postgres", "psql", "pgbench"]
INSTALL_DIRECTORIES = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
]

HINT = """On Debian and Ubuntu run `apt-get install postgresql wrk python3`, and install cargo from https://rustup.rs. If
PostgreSQL's programs are in another directory than usual, set POSTGRES_BIN_DIR to it."""


class Missing(Exception):
    """Programs are missing. The text names them."""


class Programs:
    def __init__(self):
        missing = []
        if not sys.platform.startswith("linux"):
            missing.append("Linux: processor time and memory are read from /proc")
        if sys.version_info < (3, 9):
            missing.append("Python 3.9 or newer")

        self.wrk = shutil.which("wrk") or missing.append("wrk")
        self.cargo = shutil.which("cargo") or missing.append("cargo")
        self.rustc = shutil.which("rustc") or missing.append("rustc")
        self.directory, self.release = newest_postgresql()
        if self.directory is None:
            wanted = ", ".join(POSTGRESQL)
            missing.append(f"PostgreSQL {OLDEST_RELEASE} or newer ({wanted}, side by side in one directory)")

        if missing:
            raise Missing("missing: " + "; ".join(missing) + ".\n" + HINT)

    def postgresql(self, program):
        return os.path.join(self.directory, program)


def newest_postgresql():
    """The directory and release of the newest PostgreSQL that has all programs; (None, None) if there is none."""
    only = os.environ.get("POSTGRES_BIN_DIR")
    if only:
        candidates = [only]
    else:
        installed = [directory for pattern in INSTALL_DIRECTORIES for directory in glob.glob(pattern)]
        candidates = os.environ.get("PATH", "").split(os.pathsep) + installed

    found = []
    for directory in candidates:
        if all(os.access(os.path.join(directory, name), os.X_OK) for name in POSTGRESQL):
            version = subprocess.run([os.path.join(directory, "postgres"), "--version"],
                                  capture_output=True, text=True, check=False).stdout
            release = re.search(r"(\d+)(\.\d+)?", version)
            if release and int(release[1]) >= OLDEST_RELEASE:
                found.append((int(release[1]), directory, release[0]))
    if not found:
        return None, None
    _, directory, release = max(found)
    return directory, release
