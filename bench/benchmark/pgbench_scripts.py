"""Scripts for pgbench that send the statements of the server.

The server gets one request of each kind while PostgreSQL logs every statement. The logged statements must be those of the
files in sql/, and become the script. The user, the task and the new title vary as in the requests; every other value is
bound as the server bound it. So no statement is written a second time here, and none can differ from the server's.
"""

import glob
import os
import re

from . import users
from .cluster import LOGIN, Failed
from .server import ROOT

NEW_TITLE = "4242424242424242424"

# The role of the users who send each kind of request, as in requests.lua.
ROLES = {
    "list": "reader", "read": "reader",
    "create": "creator",
    "replace": "updater", "toggle": "updater",
    "delete": "deleter",
}


def statement(text):
    """The statement without comments."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(line.rstrip() for line in lines).strip().rstrip(";")


def files_of_sql():
    found = {}
    for path in glob.glob(os.path.join(ROOT, "sql", "*", "*.sql")):
        with open(path, encoding="utf-8") as file:
            name = os.path.relpath(path, os.path.join(ROOT, "sql"))[: -len(".sql")]
            found[statement(file.read())] = name
    return found


def settings():
    """The planner settings of the server's connections, as options of a connection."""
    found = []
    for path in sorted(glob.glob(os.path.join(ROOT, "sql", "session", "*.sql"))):
        with open(path, encoding="utf-8") as file:
            found += re.findall(r"set_config\('(\w+)', '(\w+)', false\)", file.read())
    if not found:
        raise Failed("no file of sql/session sets the planner, so that pgbench cannot be set like the server")
    return " ".join(f"-c {name}={value}" for name, value in found)


# pgbench cannot bind a null. It binds one of these values, which the statement turns into a null, and so gets the same
# generic plan as the server. With a literal null a list was planned each time, which made pgbench slower than the server.
NULL_VALUES = {"bigint": "0", "integer": "0", "text": "-", "boolean": "f", "timestamp with time zone": "epoch"}


class Script:
    """The transactions of one kind of request: statements with their values."""

    def __init__(self, cluster, kind, entries, known):
        """`known` has the values of the request that vary, each with the name of its pgbench variable."""
        files = files_of_sql()
        self.kind, self.known, self.names = kind, known, []
        self.transactions, self.constants = [[]], {}
        for entry in entries:
            text, values = executed(entry)
            if None in values.values():
                values = with_types_of_nulls(cluster, text, values)
            if text not in files:
                raise Failed(f"for {kind} the server sent a statement that no file of sql/ has: {text}")
            self.names.append(files[text])
            self.transactions[-1].append((text, values))
            if files[text] == "session/commit":
                self.transactions.append([])
        shape = re.compile(r"(session/begin(_read)? session/identify (tasks/\w+ )+session/commit ?)+")
        if self.transactions.pop() or not shape.fullmatch(" ".join(self.names)):
            raise Failed(f"for {kind} the server sent no complete transactions, but {self.names}")

    def text(self, everyone):
        """For pgbench: each transaction is sent in one flush."""
        lines = [choose(everyone, ROLES[self.kind])]
        for transaction in self.transactions:
            lines.append("\\startpipeline")
            lines += [self.with_values(text, values, self.variable) + ";" for text, values in transaction]
            lines.append("\\endpipeline")
        return "\n".join(lines) + "\n"

    def for_psql(self):
        """For psql: runs once, with the values of the recorded request."""
        return "".join(self.with_values(text, values, quoted) + ";\n"
                       for transaction in self.transactions for text, values in transaction)

    def with_values(self, text, values, write):
        return re.sub(r"\$(\d+)", lambda found: write(values[int(found[1])]), text)

    def variable(self, value):
        if isinstance(value, Null):
            bound = NULL_VALUES[value.type]
            return f"nullif({self.constant(bound)}::{value.type}, '{bound}')"
        if value in self.known:
            return ":" + self.known[value]
        return self.constant(value)

    def constant(self, value):
        """A variable with this value: pgbench binds it, and gets the same plan as the server."""
        name = next((name for name, known in self.constants.items() if known == value), None)
        if name is None:
            name = f"{self.kind}_{len(self.constants)}"
            self.constants[name] = value
        return ":" + name


class Null:
    def __init__(self, kind):
        self.type = kind


def with_types_of_nulls(cluster, text, values):
    """The same values, with the type that PostgreSQL infers for each null."""
    parameters = "select unnest(parameter_types) from pg_prepared_statements"
    types = cluster.sql_as_login(f"prepare statement as {text};\n{parameters};").splitlines()
    for kind in types:
        if kind not in NULL_VALUES:
            raise Failed(f"NULL_VALUES in pgbench_scripts.py needs a value of type {kind}: a statement binds one: {text}")
    return {number: Null(types[number - 1]) if value is None else value for number, value in values.items()}


def quoted(value):
    return "null" if isinstance(value, Null) else "'" + value.replace("'", "''") + "'"


def executed(entry):
    """The statement of a log entry, and its values by number."""
    text = statement(entry["message"].split(":", 1)[1])
    values = {}
    for number, null, value in re.findall(r"\$(\d+) = (?:(NULL)|'((?:[^']|'')*)')", entry.get("detail", "")):
        values[int(number)] = None if null else value.replace("''", "'")
    return text, values


def recorded(cluster, since, kind, known):
    """The script of what the serving login has executed since the log had the size `since`."""
    entries = [entry for entry in cluster.logged_since(since)
               if entry.get("user") == LOGIN and entry["message"].startswith("execute ")]
    # The pool may open another connection meanwhile: its session sets itself up, and has no part in the request.
    sessions = {entry["session_id"] for entry in entries if "app.tasks" in entry["message"]}
    entries = [entry for entry in entries if entry["session_id"] in sessions]
    if any(entry["message"].startswith("execute fetch") for entry in entries):
        raise Failed(f"for {kind} the server uses a portal and fetches rows in portions, which pgbench cannot do")
    return Script(cluster, kind, entries, known)


def choose(everyone, role):
    """pgbench commands that choose the user and the task of a request."""
    if role == "deleter":
        return "\n".join([
            "\\set n :n + 1",
            "\\set to_delete :from + :n * :clients + :client_id",
            f"\\set user {users.DELETER_USERS} + :to_delete % {everyone.group}",
            f"\\set id {users.FIRST_TO_DELETE} + :to_delete",
        ])
    return "\n".join([
        f"\\set position random(0, {everyone.group - 1}) * {everyone.stride} + {everyone.position(role, 0)}",
        f"\\set user {users.FIRST_USER} + :position",
        f"\\set id 16 * (random(0, {users.TASKS_EACH - 1}) * {everyone.regular} + :position) + 16",
        "\\set title random(1000000000000000000, 9000000000000000000)",
    ])
