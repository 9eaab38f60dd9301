"""Medians, spreads and goals; what is printed, and the table of the README."""

import os
import platform
import statistics
import subprocess

from .server import ROOT

README = os.path.join(ROOT, "README.md")
BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"


def rotated(things, number):
    """Another order in each round: whatever comes first has no advantage on the whole."""
    return things[number % len(things):] + things[:number % len(things)]


class Row:
    """One figure: its value in each round, its goal (`<= 1.5`, or none), and what it came from."""

    def __init__(self, name, values, goal=None, text="", absolute=(), form="{:.2f}"):
        self.name, self.goal, self.form = name, goal, form
        self.values = [value for value in values if value is not None]
        columns = [[value for value in column if value is not None] for column in zip(*absolute)]
        self.text = text.format(*(statistics.median(column) for column in columns)) if all(columns) else ""

    def cells(self):
        if not self.values:
            return [self.name, "not measured", "", self.goal or "", "", self.text]
        median = statistics.median(self.values)
        spread = f"{self.form.format(min(self.values))} .. {self.form.format(max(self.values))}"
        return [self.name, self.form.format(median), spread, self.goal or "", self.reached(median), self.text]

    def reached(self, median):
        if not self.goal:
            return ""
        sign, limit = self.goal.split()[:2]
        return "yes" if (median >= float(limit) if sign == ">=" else median <= float(limit)) else "no"


HEADS = ["", "median", "rounds", "goal", "reached", "for orientation"]


def plain(title, rows):
    cells = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
    return "\n".join([title, ""] + lines) + "\n"


def markdown(tables, about):
    lines = [about, ""]
    for title, rows in tables:
        lines += [f"| {title} | median | rounds | goal | reached | for orientation |", "|---|---|---|---|---|---|"]
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


def write_readme(text):
    with open(README, encoding="utf-8") as file:
        readme = file.read()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has no {BEGIN} .. {END}")
    with open(README, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n" + text.rstrip() + "\n" + END + after)
