"""Who has which tasks. Every id is computed from its user, so that each client can name tasks that exist.

    readers    20 tasks each, which nobody changes
    changers   20 tasks each, which are replaced and toggled
    creators   users who get more and more tasks
    victims    users whose tasks are made to be deleted, each once
    ladder     one user each with 10, 100, 1,000 .. tasks, which nobody changes

Readers, changers and creators are taken evenly from many thousand users with 20 tasks each. Tasks lie in the order of
their ids, and the ids of a user are as far apart as they can be: a list of 20 is 20 pages of the table.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time

HERE = os.path.dirname(os.path.abspath(__file__))

EACH = 20
FIRST_USER = 1_000_000_000_000_000_000  # as long as pgbench can count: it has no texts to put together
LADDER_USERS = FIRST_USER + 900_000_000
VICTIM_USERS = FIRST_USER + 800_000_000
FIRST_VICTIM = 100_000_000
FIRST_CREATED = 1_000_000_000

TITLE = "Call the plumber about the kitchen sink"
DESCRIPTION = "The tap drips since Monday; ask what a new cartridge costs, and whether it can be done on Friday afternoon"


class People:
    def __init__(self, small):
        self.regular = 444 if small else 44_444
        self.group = 100 if small else 1_000
        self.ladder = [10, 100, 1_000, 10_000] if small else [10, 100, 1_000, 10_000, 100_000, 1_000_000]
        self.stride = self.regular // self.group
        self.secret = secrets.token_hex(32)
        self.next_victim = 0

    def user(self, role, number):
        """The id of a user of a role; of the ladder, `number` is how many tasks they have."""
        if role == "ladder":
            return str(LADDER_USERS + self.ladder.index(number))
        if role == "victim":
            return str(VICTIM_USERS + number)
        return str(FIRST_USER + self.position(role, number))

    def position(self, role, number):
        return number * self.stride + ["reader", "changer", "creator"].index(role)

    def task(self, role, number, which):
        """The id of one of the 20 tasks of a user."""
        return 16 * (which * self.regular + self.position(role, number)) + 16

    def load(self, cluster):
        """Puts everybody's tasks into an empty table. Returns how many."""
        with open(os.path.join(HERE, "..", "sql", "load.sql"), encoding="utf-8") as file:
            text = file.read()
        return int(cluster.sql(text, variables={
            "regular": self.regular,
            "each": EACH,
            "first_user": FIRST_USER,
            "ladder_users": LADDER_USERS,
            "ladder": "{" + ",".join(map(str, self.ladder)) + "}",
            "first_created": FIRST_CREATED,
        }))

    def tidy(self, cluster, victims):
        """Takes away what was created, and makes as many tasks to delete. Returns the number of the first."""
        first = self.next_victim
        self.next_victim += victims
        with open(os.path.join(HERE, "..", "sql", "tidy.sql"), encoding="utf-8") as file:
            text = file.read()
        cluster.sql(text, variables={
            "first_victim": FIRST_VICTIM,
            "first_created": FIRST_CREATED,
            "victim_users": VICTIM_USERS,
            "group": self.group,
            "from": first,
            "count": victims,
            "title": TITLE,
            "description": DESCRIPTION,
        })
        return first

    def token(self, user):
        """A JWT as Better Auth's shared secret signs it."""
        now = int(time.time())
        words = [{"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now, "exp": now + 86_400}]
        signed = b".".join(encoded(json.dumps(word, separators=(",", ":")).encode()) for word in words)
        signature = hmac.new(self.secret.encode(), signed, hashlib.sha256).digest()
        return (signed + b"." + encoded(signature)).decode()

    def write_lua(self, path):
        """Everybody's tokens and the numbers that ids are computed with, for wrk."""
        with open(path, "w", encoding="utf-8") as out:
            out.write("return {\n")
            for name, value in [("group", self.group), ("stride", self.stride), ("regular", self.regular),
                                ("each", EACH), ("first_victim", FIRST_VICTIM)]:
                out.write(f"  {name} = {value},\n")
            out.write(f"  title = {json.dumps(TITLE)},\n  description = {json.dumps(DESCRIPTION)},\n")
            for role in ["reader", "changer", "creator", "victim"]:
                tokens = (json.dumps(self.token(self.user(role, number))) for number in range(self.group))
                out.write(f"  {role} = {{ {', '.join(tokens)} }},\n")
            out.write("}\n")


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
