"""Processor time and memory, as the kernel counts them (proc(5)). The grain is a hundredth of a second."""

import os

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything: the first is the state."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(") ")[2].split()


def of_process(pid):
    """Seconds of processor time of one process, all its threads."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def of_postgresql(postmaster):
    """Seconds of processor time of the server and all its children, those that have ended included."""
    fields = stat(postmaster)
    total = sum(int(field) for field in fields[11:15])  # its own, and that of children it has waited for
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = stat(name)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended just now
            if int(fields[1]) == postmaster:
                total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pid):
    """Resident megabytes of a process: now, and at most since `forget_peak`."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file)
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
