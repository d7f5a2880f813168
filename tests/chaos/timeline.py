"""What happened when: every fault with its beginning, its end and what it hit."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Injection:
    """One fault that was made.

    Attributes:
        kind: its name in the table of faults.
        began_s: when it began, seconds after the run did.
        ended_s: when it was undone.
        note: what it hit.
    """

    kind: str
    began_s: float
    ended_s: float = float("nan")
    note: str = ""


@dataclass
class Timeline:
    """Everything that happened, in order. Threads may share it."""

    injections: list[Injection] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    loud: bool = True
    _began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def now_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def tell(self, text: str) -> None:
        """Note something that happened."""
        with self._lock:
            self.lines.append(f"{self.now_s:8.1f} s  {text}")
            if self.loud:
                sys.stdout.write(self.lines[-1] + "\n")
                sys.stdout.flush()

    @contextmanager
    def injection(self, kind: str) -> Iterator[Injection]:
        """Note a fault for as long as it lasts."""
        injection = Injection(kind, self.now_s)
        try:
            yield injection
        finally:
            injection.ended_s = self.now_s
            with self._lock:
                self.injections.append(injection)
            lasted = injection.ended_s - injection.began_s
            self.tell(f"{kind:<34} {lasted:5.1f} s  {injection.note}")

    def table(self) -> str:
        """How often each kind was made, for Markdown."""
        made = Counter(one.kind for one in self.injections)
        hit = Counter(one.kind for one in self.injections if not one.note.startswith("not reached"))
        rows = [f"| {kind} | {times} | {hit[kind]} |" for kind, times in sorted(made.items())]
        return "\n".join(["| fault | injections | reached |", "| --- | --- | --- |", *rows])
