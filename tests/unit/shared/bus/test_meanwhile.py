"""What a worker does while it has no record in hand: begun each time that all are handled, and told of new ones."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from structlog.testing import capture_logs

from railwatch.shared.bus.meanwhile import SpareTime
from railwatch.shared.errors import DependencyAwayError


class Inline(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Idle(Executor):
    """Keeps what it is given until `run`."""

    def __init__(self) -> None:
        self.given: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given.append((Future(), lambda: fn(*args, **kwargs)))
        return self.given[-1][0]

    def run(self) -> None:
        for future, work in self.given:
            future.set_result(work())
        self.given.clear()


def looked(spare_time: SpareTime, pool: Executor, free: str) -> None:
    """The worker looks several times: `-` while records are in hand, `o` while there are none."""
    for one in free:
        spare_time.look(pool, free=one == "o")


def test_it_begins_once_each_time_that_all_records_are_handled() -> None:
    begun: list[bool] = []
    looked(SpareTime(lambda goes_on: begun.append(goes_on())), Inline(), "ooo--oo-o")
    assert begun == [True, True]


def test_it_is_told_when_a_record_comes_and_is_begun_again_once_that_is_handled() -> None:
    told: list[bool] = []
    spare_time, pool = SpareTime(lambda goes_on: told.append(goes_on())), Idle()
    looked(spare_time, pool, "-o-")
    pool.run()
    looked(spare_time, pool, "o")
    pool.run()
    assert told == [False, True]


def test_it_is_not_begun_twice_at_once() -> None:
    spare_time, pool = SpareTime(lambda _: None), Idle()
    looked(spare_time, pool, "-o-o-oo")
    assert len(pool.given) == 1
    pool.run()
    looked(spare_time, pool, "o")
    assert len(pool.given) == 1, "records came meanwhile, so it is begun again"


def test_it_ends_when_the_worker_does() -> None:
    told: list[bool] = []
    spare_time, pool = SpareTime(lambda goes_on: told.append(goes_on())), Idle()
    looked(spare_time, pool, "-o")
    spare_time.end()
    pool.run()
    assert told == [False]


def test_its_failure_is_told_and_it_is_begun_again() -> None:
    failures = [DependencyAwayError("Redis does not answer."), ZeroDivisionError("a fault of ours")]

    def work(_: Callable[[], bool]) -> None:
        raise failures.pop(0)

    with capture_logs() as logs:
        looked(SpareTime(work), Inline(), "-o-o")
    assert [entry["log_level"] for entry in logs] == ["warning", "error"]
    assert not failures
