"""Processor time and memory, as the kernel counts them (proc(5)). The resolution is a hundredth of a second."""

import os

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat after the name (which can have spaces): the first is the state."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(") ")[2].split()


def of_process(pid):
    """Seconds of processor time of a process, with all its threads."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def of_postgresql(postmaster):
    """Seconds of processor time of the server and all its children, also of those that have ended."""
    fields = stat(postmaster)
    total = sum(int(field) for field in fields[11:15])  # its own, and that of the children it has collected
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = stat(name)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            if int(fields[1]) == postmaster:
                total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pid):
    """Resident memory of a process in megabytes: now, and the peak since `reset_peak`."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file)
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
