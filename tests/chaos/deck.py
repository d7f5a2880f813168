"""Which fault is made when: in the order that chance gives, several at a time, each target once at a time."""

import random
import threading
from collections.abc import Mapping, Sequence

from tests.chaos.faults import Fault, Scope
from tests.chaos.traffic import Traffic
from tests.chaos.world import World


class Deck:
    """The faults of a run, in the order that chance gives them: each kind once before any comes again."""

    def __init__(
        self,
        faults: Mapping[str, Fault],
        injections: int,
        chance: random.Random,
        first: Sequence[str],
        ends_at_s: float,
    ) -> None:
        self._faults, self._lock, self._ends_at_s = faults, threading.Lock(), ends_at_s
        self._left = [(kind, chance.getrandbits(32)) for kind in first if kind in faults]
        self._first = set(self._left)
        while len(self._left) < injections:
            kinds = sorted(faults)
            chance.shuffle(kinds)
            self._left += [(kind, chance.getrandbits(32)) for kind in kinds[: injections - len(self._left)]]
        self._busy: set[str] = set()

    def play(self, world: World, traffic: Traffic) -> None:
        """Make one fault after the other, of targets that no other fault has in hand."""
        while True:
            with self._lock:
                if world.timeline.now_s > self._ends_at_s:
                    self._left = [one for one in self._left if one in self._first]
                if not self._left:
                    return
                free = [one for one in self._left if self._faults[one[0]].target not in self._busy]
                if free:
                    self._left.remove(free[0])
                    self._busy.add(self._faults[free[0][0]].target)
            scope = Scope(world, traffic, random.Random(free[0][1] if free else 0))
            if not free:
                scope.hold(0.2, 0.4)
                continue
            kind, fault = free[0][0], self._faults[free[0][0]]
            try:
                with world.timeline.injection(kind) as injection:
                    injection.note = fault.make(scope)
            except Exception as error:
                world.timeline.tell(f"{kind}: {type(error).__name__}: {error}")
            scope.hold(0.0, 1.0)
            with self._lock:
                self._busy.discard(fault.target)
