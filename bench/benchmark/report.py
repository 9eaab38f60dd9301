"""Medians, ranges and goals; the tables in the terminal and in docs/performance.md."""

import os
import platform
import statistics
import subprocess

from .server import ROOT

PAGE = os.path.join(ROOT, "docs", "performance.md")
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def rotated(things, number):
    """The same things in another order in each round, so that none always comes first."""
    return things[number % len(things):] + things[:number % len(things)]


class Row:
    """One figure: its value in each round, its goal (`<= 1.5`, or none), and the measured values behind it.

    `details` is a format string for the medians of `absolute`, which has a tuple of values for each round.
    """

    def __init__(self, name, values, goal=None, details="", absolute=(), number_format="{:.2f}"):
        self.name, self.goal, self.number_format = name, goal, number_format
        self.values = [value for value in values if value is not None]
        columns = [[value for value in column if value is not None] for column in zip(*absolute)]
        self.details = details.format(*(statistics.median(column) for column in columns)) if all(columns) else ""

    def cells(self):
        if not self.values:
            return [self.name, "not measured", "", self.goal or "", "", self.details]
        median = statistics.median(self.values)
        values = (min(self.values), median, max(self.values))
        least, middle, greatest = (self.number_format.format(value) for value in values)
        return [self.name, middle, f"{least} .. {greatest}", self.goal or "", self.is_met(median), self.details]

    def is_met(self, median):
        if not self.goal:
            return ""
        sign, limit = self.goal.split()[:2]
        return "yes" if (median >= float(limit) if sign == ">=" else median <= float(limit)) else "no"


HEADS = ["median", "least .. greatest", "goal", "goal met", "measured values (medians)"]


def text_table(title, rows):
    cells = [["", *HEADS], *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([title, ""] + lines) + "\n"


def markdown(tables, conditions):
    lines = [conditions, ""]
    for title, rows in tables:
        lines += ["| " + " | ".join([title, *HEADS]) + " |", "|---" * (1 + len(HEADS)) + "|"]
        lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def machine(programs):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    model = model or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    wrk = subprocess.run([programs.wrk, "-v"], capture_output=True, text=True, check=False).stdout.split()
    wrk = wrk[1].split("/")[-1].split("-")[0] if len(wrk) > 1 else ""
    return (f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, {platform.system()}, PostgreSQL {programs.release}, "
            f"wrk {wrk}")


def write_page(text):
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has no {BEGIN} .. {END}")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + text.rstrip() + "\n" + END + after)
