"""Stages are timed by name, those that come back are summed."""

import pytest

from railwatch.services.detector import stages as module
from railwatch.services.detector.stages import Stages


def test_blocks_of_one_stage_are_summed_and_one_that_fails_is_timed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0801, 1.0, 1.01, 2.0, 2.02])
    monkeypatch.setattr(module, "perf_counter", lambda: next(clock))
    stages = Stages()
    with stages.timed("registration"):
        pass
    with stages.timed("strips"):
        pass
    with pytest.raises(ZeroDivisionError), stages.timed("registration"):
        raise ZeroDivisionError
    assert stages.ms == {"registration": 100.1, "strips": 10.0}
