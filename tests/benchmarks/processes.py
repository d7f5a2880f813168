"""What processes use, as Linux tells it: processor time, time that they waited for a core, memory."""

import os
from collections.abc import Iterator
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def family_of(pid: int) -> Iterator[int]:
    """A process, its children, and theirs."""
    yield pid
    for child in children_of(pid):
        yield from family_of(child)


def processor_s(pid: int) -> float:
    """Processor time of a process so far, in seconds; without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) * TICK_S


def waited_s(pid: int) -> float:
    """How long the threads of a process could have run so far and had no core, in seconds, added up."""
    waited = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            waited += int((thread / "schedstat").read_text().split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return waited / 1e9


def main_thread_waited_s(pid: int) -> float:
    """The same of its first thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in megabytes; without its children."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) * 1024 / 1e6
