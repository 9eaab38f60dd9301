"""What must be installed, and where it is."""

import glob
import os
import re
import shutil
import subprocess
import sys

OLDEST_POSTGRESQL = 15
POSTGRESQL = ["initdb", "pg_ctl", "postgres", "psql", "pgbench"]
USUAL = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
]

HINT = """PostgreSQL's programs, wrk, Python, cargo: on Debian and Ubuntu `apt-get install postgresql wrk python3`, and
https://rustup.rs. POSTGRES_BIN_DIR names a directory of PostgreSQL's programs in an unusual place."""


class Missing(Exception):
    """What has to be installed first."""


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
            missing.append(f"PostgreSQL {OLDEST_POSTGRESQL} or newer ({wanted}, side by side in one directory)")

        if missing:
            raise Missing("missing: " + "; ".join(missing) + ".\n" + HINT)

    def postgresql(self, program):
        return os.path.join(self.directory, program)


def newest_postgresql():
    """The directory of the newest PostgreSQL that is complete, and its release; nothing where there is none."""
    only = os.environ.get("POSTGRES_BIN_DIR")
    if only:
        candidates = [only]
    else:
        usual = [directory for pattern in USUAL for directory in glob.glob(pattern)]
        candidates = os.environ.get("PATH", "").split(os.pathsep) + usual

    found = []
    for directory in candidates:
        if all(os.access(os.path.join(directory, name), os.X_OK) for name in POSTGRESQL):
            said = subprocess.run([os.path.join(directory, "postgres"), "--version"],
                                  capture_output=True, text=True, check=False).stdout
            release = re.search(r"(\d+)(\.\d+)?", said)
            if release and int(release[1]) >= OLDEST_POSTGRESQL:
                found.append((int(release[1]), directory, release[0]))
    if not found:
        return None, None
    _, directory, release = max(found)
    return directory, release
