"""The faults, by kind. Each is a function that makes the fault, waits, undoes it, and says what it hit."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.traffic import Traffic
from tests.chaos.world import World


@dataclass(frozen=True)
class Scope:
    """What a fault may touch.

    Attributes:
        world: what runs.
        traffic: what comes in.
        chance: the fault's own source of chance.
    """

    world: World
    traffic: Traffic
    chance: random.Random

    def hold(self, low_s: float, high_s: float) -> None:
        """Let the fault last for a while."""
        time.sleep(self.chance.uniform(low_s, high_s))

    def until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Wait for a condition; whether it came true in time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.1)
        return False

    def in_background(self, work: Callable[[], None]) -> threading.Thread:
        """Do some work meanwhile."""
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


@dataclass(frozen=True)
class Fault:
    """One kind.

    Attributes:
        target: what it breaks. Two faults of one target do not overlap.
        make: the whole fault. It returns what it hit, `not reached` if nothing.
    """

    target: str
    make: Callable[[Scope], str]


def all_faults(*, own_network: bool, faketime: bool) -> dict[str, Fault]:
    """Every kind that this machine can make."""
    from tests.chaos.faults import clocks, inputs, links, processes, receivers, servers

    found = {**processes.FAULTS, **servers.FAULTS, **receivers.FAULTS, **inputs.FAULTS}
    if own_network:
        found |= links.FAULTS | servers.ON_OWN_DISK
    if faketime:
        found |= clocks.FAULTS
    return found
