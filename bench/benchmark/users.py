"""The users and their tasks. Ids are computed, so that each client can name tasks that exist.

    reader     20 tasks each, which are only read
    updater    20 tasks each, which are replaced and toggled
    creator    20 tasks each, and those that a run creates
    deleter    tasks that a run deletes
    sized      one user each with 10, 100, 1,000 .. tasks, which are only read

Readers, updaters and creators are spread evenly over many thousand users with 20 tasks each. Rows are stored in the order
of their ids, and the ids of a user are as far apart as possible: a list of 20 tasks reads 20 pages of the table.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time

HERE = os.path.dirname(os.path.abspath(__file__))

TASKS_EACH = 20
FIRST_USER = 1_000_000_000_000_000_000  # 19 digits, so that pgbench, which has no text functions, can compute ids
SIZED_USERS = FIRST_USER + 900_000_000
DELETER_USERS = FIRST_USER + 800_000_000
FIRST_TO_DELETE = 100_000_000
FIRST_CREATED = 1_000_000_000

TITLE = "Call the plumber about the kitchen sink"
DESCRIPTION = "The tap drips since Monday; ask what a new cartridge costs, and whether it can be done on Friday afternoon"


class Users:
    def __init__(self, small):
        self.regular = 444 if small else 44_444
        self.group = 100 if small else 1_000
        self.sizes = [10, 100, 1_000, 10_000] if small else [10, 100, 1_000, 10_000, 100_000, 1_000_000]
        self.stride = self.regular // self.group
        self.secret = secrets.token_hex(32)
        self.next_to_delete = 0

    def user(self, role, number):
        """The id of the user with this number in a role. For the role sized the number is how many tasks they have."""
        if role == "sized":
            return str(SIZED_USERS + self.sizes.index(number))
        if role == "deleter":
            return str(DELETER_USERS + number)
        return str(FIRST_USER + self.position(role, number))

    def position(self, role, number):
        return number * self.stride + ["reader", "updater", "creator"].index(role)

    def task(self, role, number, which):
        """The id of one of the 20 tasks of a user."""
        return 16 * (which * self.regular + self.position(role, number)) + 16

    def load(self, cluster):
        """Inserts the tasks of all users into an empty table. Returns their number."""
        with open(os.path.join(HERE, "..", "sql", "load.sql"), encoding="utf-8") as file:
            text = file.read()
        return int(cluster.sql(text, variables={
            "regular": self.regular,
            "each": TASKS_EACH,
            "first_user": FIRST_USER,
            "sized_users": SIZED_USERS,
            "sizes": "{" + ",".join(map(str, self.sizes)) + "}",
            "first_created": FIRST_CREATED,
        }))

    def reset(self, cluster, count):
        """Deletes the created tasks, and makes `count` tasks to delete. Returns the number of the first."""
        first = self.next_to_delete
        self.next_to_delete += count
        with open(os.path.join(HERE, "..", "sql", "reset.sql"), encoding="utf-8") as file:
            text = file.read()
        cluster.sql(text, variables={
            "first_to_delete": FIRST_TO_DELETE,
            "first_created": FIRST_CREATED,
            "deleter_users": DELETER_USERS,
            "group": self.group,
            "from": first,
            "count": count,
            "title": TITLE,
            "description": DESCRIPTION,
        })
        return first

    def token(self, user):
        """A JWT signed with the shared secret, as Better Auth makes it."""
        now = int(time.time())
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now, "exp": now + 86_400}]
        signed = b".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        signature = hmac.new(self.secret.encode(), signed, hashlib.sha256).digest()
        return (signed + b"." + encoded(signature)).decode()

    def write_lua(self, path):
        """Writes the users' tokens, and the numbers that ids are computed with, for wrk."""
        with open(path, "w", encoding="utf-8") as out:
            out.write("return {\n")
            for name, value in [("group", self.group), ("stride", self.stride), ("regular", self.regular),
                                ("each", TASKS_EACH), ("first_to_delete", FIRST_TO_DELETE)]:
                out.write(f"  {name} = {value},\n")
            out.write(f"  title = {json.dumps(TITLE)},\n  description = {json.dumps(DESCRIPTION)},\n")
            for role in ["reader", "updater", "creator", "deleter"]:
                tokens = (json.dumps(self.token(self.user(role, number))) for number in range(self.group))
                out.write(f"  {role} = {{ {', '.join(tokens)} }},\n")
            out.write("}\n")


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
