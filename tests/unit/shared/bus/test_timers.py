"""Timers run when they are due, and one that fails runs again soon."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from railwatch.shared.bus.timers import Timer, Timers
from railwatch.shared.errors import TransientError
from tests.support.bus import PATIENCE_S

MINUTE = timedelta(minutes=1)


def test_each_timer_runs_at_once_and_then_every_period() -> None:
    ran: list[str] = []
    timers = Timers([Timer(MINUTE, lambda: ran.append("slow")), Timer(MINUTE / 4, lambda: ran.append("quick"))])

    for second in range(61):
        timers.run_due(second)

    assert ran == ["slow", "quick", "quick", "quick", "quick", "slow", "quick"]


@pytest.mark.parametrize(
    ("error", "level"), [(TransientError("Redis is away."), "warning"), (ZeroDivisionError(), "error")]
)
def test_a_timer_that_fails_runs_again_after_a_second_and_holds_up_no_other(error: Exception, level: str) -> None:
    faults, ran = [error], []

    def fail_once() -> None:
        if faults:
            raise faults.pop()
        ran.append("mended")

    timers = Timers([Timer(MINUTE, fail_once), Timer(MINUTE, lambda: ran.append("other"))])
    with capture_logs() as lines:
        timers.run_due(0)
    assert ran == ["other"]
    assert [line["log_level"] for line in lines] == [level]

    assert timers.next_due() == 1
    timers.run_due(1)
    assert ran == ["other", "mended"]
    assert timers.next_due() == 60


@pytest.mark.parametrize(("asked_s", "again_at_s"), [(20.0, 20.0), (3600.0, 60.0)])
def test_a_timer_waits_as_long_as_the_other_side_asks_but_not_longer_than_its_period(
    asked_s: float, again_at_s: float
) -> None:
    def fail() -> None:
        raise TransientError("Slower.", asked_s)

    timers = Timers([Timer(MINUTE, fail)])
    timers.run_due(0)

    assert timers.next_due() == again_at_s


def test_it_is_known_when_the_next_timer_is_due() -> None:
    timers = Timers([Timer(MINUTE, lambda: None), Timer(MINUTE / 4, lambda: None)])
    assert timers.next_due() <= 0
    timers.run_due(10)
    assert timers.next_due() == 25
    assert Timers([]).next_due() == math.inf


def test_they_run_by_themselves_once_begun_until_they_are_ended() -> None:
    ran = threading.Event()
    timers = Timers([Timer(MINUTE / 600, ran.set)])
    with ThreadPoolExecutor(1) as pool:
        try:
            timers.begin(pool)
            timers.begin(pool)
            for _ in range(2):
                assert ran.wait(PATIENCE_S), "it runs again and again"
                ran.clear()
            assert timers.running()
        finally:
            timers.end()
    assert not timers.running()


def test_none_is_run_any_more_once_they_are_ended() -> None:
    ran: list[str] = []
    timers = Timers([Timer(MINUTE, lambda: timers.end()), Timer(MINUTE, lambda: ran.append("after"))])
    timers.run_due(0)
    assert ran == []
