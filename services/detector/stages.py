"""How long the stages of a count take."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stages:
    """The wall time of each stage.

    Example:
        stages = Stages()
        with stages.timed("registration"):
            ...
        stages.ms  # {"registration": 81.4}
    """

    def __init__(self) -> None:
        self._ms: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Times a block that belongs to the stage. The times of several blocks of one stage are summed."""
        began = perf_counter()
        try:
            yield
        finally:
            self._ms[stage] = self._ms.get(stage, 0.0) + 1000 * (perf_counter() - began)

    @property
    def ms(self) -> dict[str, float]:
        """Milliseconds by stage, to a tenth."""
        return {stage: round(ms, 1) for stage, ms in self._ms.items()}
