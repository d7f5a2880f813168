"""What processes use, as Linux tells it: processor time, time that they waited for a core, memory."""

import os
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that run."""
    return [int(child) for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]


def descendants_of(pid: int) -> list[int]:
    """The processes that a process has started and that run, those that they have started, and so on."""
    return [each for child in children_of(pid) for each in (child, *descendants_of(child))]


def processor_s(pid: int) -> float:
    """Processor time of a process so far, in seconds; without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) * TICK_S


def main_thread_waited_s(pid: int) -> float:
    """How long the first thread of a process could have run so far and had no core, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in megabytes; without its children."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) * 1024 / 1e6
