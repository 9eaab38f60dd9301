"""Scripts of pgbench that send what the server sends.

One request of each kind is made while PostgreSQL logs every statement. What it logged is compared with the files of
sql/, and becomes the script: the same statements, with the user, the task and the new title varying as they do in the
requests, and every other value bound as the server bound it. So there is no second version of any statement here that
could differ from the server's.
"""

import glob
import os
import re

from . import people as who
from .cluster import LOGIN, Failed
from .server import ROOT

NEW_TITLE = "4242424242424242424"

# How pgbench chooses whose request it is, as requests.lua does.
WHO = {
    "list": "reader", "read": "reader",
    "create": "creator",
    "replace": "changer", "toggle": "changer",
    "delete": "victim",
}


def statement(text):
    """A statement without its comments."""
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
    """How the server's connections plan, as options of a connection."""
    with open(os.path.join(ROOT, "sql", "session", "plans.sql"), encoding="utf-8") as file:
        found = re.findall(r"set_config\('(\w+)', '(\w+)', false\)", file.read())
    if not found:
        raise Failed("sql/session/planner.sql sets nothing that could be set for pgbench as well")
    return " ".join(f"-c {name}={value}" for name, value in found)


# pgbench cannot bind a null. It binds one of these, and the statement makes a null of it: that gets the server's generic
# plan. With the word null in its place, a list was planned anew each time, which made pgbench slower than the server.
NULLED = {"bigint": "0", "integer": "0", "text": "-", "boolean": "f", "timestamp with time zone": "epoch"}


class Twin:
    """What one kind of request is to the database: transactions of statements with their values."""

    def __init__(self, cluster, kind, entries, known):
        """`known` are the values of the request that vary, and the variables that take their place."""
        files = files_of_sql()
        self.kind, self.known, self.names = kind, known, []
        self.transactions, self.constants = [[]], {}
        for entry in entries:
            text, values = executed(entry)
            if None in values.values():
                values = with_types_of_nulls(cluster, text, values)
            if text not in files:
                raise Failed(f"for {kind} the server sent a statement that is in no file of sql/: {text}")
            self.names.append(files[text])
            self.transactions[-1].append((text, values))
            if files[text] == "session/commit":
                self.transactions.append([])
        shape = re.compile(r"(session/begin(_read)? session/identify (tasks/\w+ )+session/commit ?)+")
        if self.transactions.pop() or not shape.fullmatch(" ".join(self.names)):
            raise Failed(f"for {kind} the server sent no whole transactions, but {self.names}")

    def script(self, people):
        """For pgbench. Every transaction leaves in one flush."""
        lines = [choose(people, WHO[self.kind])]
        for transaction in self.transactions:
            lines.append("\\startpipeline")
            lines += [self.with_values(text, values, self.variable) + ";" for text, values in transaction]
            lines.append("\\endpipeline")
        return "\n".join(lines) + "\n"

    def for_psql(self):
        """The same for psql, once, with the values of the request that was seen."""
        return "".join(self.with_values(text, values, quoted) + ";\n"
                       for transaction in self.transactions for text, values in transaction)

    def with_values(self, text, values, spelled):
        return re.sub(r"\$(\d+)", lambda found: spelled(values[int(found[1])]), text)

    def variable(self, value):
        if isinstance(value, Null):
            bound = NULLED[value.type]
            return f"nullif({self.constant(bound)}::{value.type}, '{bound}')"
        if value in self.known:
            return ":" + self.known[value]
        return self.constant(value)

    def constant(self, value):
        """Bound, not spelled out, so that the plan is made as for the server."""
        name = next((name for name, known in self.constants.items() if known == value), None)
        if name is None:
            name = f"{self.kind}_{len(self.constants)}"
            self.constants[name] = value
        return ":" + name


class Null:
    def __init__(self, kind):
        self.type = kind


def with_types_of_nulls(cluster, text, values):
    """The same values, with what PostgreSQL takes each null for."""
    said = cluster.sql_as_login(f"prepare asked as {text};\nselect unnest(parameter_types) from pg_prepared_statements;")
    types = said.splitlines()
    for kind in types:
        if kind not in NULLED:
            raise Failed(f"NULLED in twins.py has nothing for the type {kind}, which {text} binds")
    return {number: Null(types[number - 1]) if value is None else value for number, value in values.items()}


def quoted(value):
    return "null" if isinstance(value, Null) else "'" + value.replace("'", "''") + "'"


def executed(entry):
    """The statement of a log entry, and its values by their numbers."""
    text = statement(entry["message"].split(":", 1)[1])
    values = {}
    for number, null, value in re.findall(r"\$(\d+) = (?:(NULL)|'((?:[^']|'')*)')", entry.get("detail", "")):
        values[int(number)] = None if null else value.replace("''", "'")
    return text, values


def seen(cluster, since, kind, known):
    """The twin of what the serving login has executed since the log had that size."""
    entries = [entry for entry in cluster.logged_since(since)
               if entry.get("user") == LOGIN and entry["message"].startswith("execute ")]
    if any(entry["message"].startswith("execute fetch") for entry in entries):
        raise Failed(f"for {kind} the server fetches rows in portions, which pgbench cannot do")
    return Twin(cluster, kind, entries, known)


def choose(people, role):
    if role == "victim":
        return "\n".join([
            "\\set n :n + 1",
            "\\set victim :from + :n * :clients + :client_id",
            f"\\set user {who.VICTIM_USERS} + :victim % {people.group}",
            f"\\set id {who.FIRST_VICTIM} + :victim",
        ])
    return "\n".join([
        f"\\set position random(0, {people.group - 1}) * {people.stride} + {people.position(role, 0)}",
        f"\\set user {who.FIRST_USER} + :position",
        f"\\set id 16 * (random(0, {who.EACH - 1}) * {people.regular} + :position) + 16",
        "\\set title random(1000000000000000000, 9000000000000000000)",
    ])
