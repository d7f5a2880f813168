"""Attempts at a tile are counted where the death of a process does not reach."""

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext

import pytest
import redis

from railwatch.services.detector.attempts import MOST, Attempts
from railwatch.services.detector.work import DiedError
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect

TILE = "0123abcd"


@pytest.fixture
def client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as entered:
        yield entered


def died_in(client: redis.Redis, stack: ExitStack, times: int = MOST) -> None:
    """Attempts whose detectors died in them. The stack is never left before the test has seen what it looks for."""
    for _ in range(times):
        stack.enter_context(Attempts(client).at(TILE))


def attempt(client: redis.Redis, error: Exception | None = None) -> None:
    with Attempts(client).at(TILE):
        if error:
            raise error


def test_a_tile_over_which_detectors_died_is_given_up(client: redis.Redis, stack: ExitStack) -> None:
    died_in(client, stack)
    with pytest.raises(UnprocessableError) as given_up:
        attempt(client)
    assert given_up.value.reason == "handler-died"
    assert "The detector itself ended" in given_up.value.detail


def test_a_tile_over_which_processes_died_is_given_up_with_what_is_known(client: redis.Redis) -> None:
    for _ in range(MOST):
        with pytest.raises(TransientError):
            attempt(client, DiedError("It needed more than 500 MB of memory."))
    with pytest.raises(UnprocessableError) as given_up:
        attempt(client)
    assert given_up.value.reason == "handler-died"
    assert given_up.value.detail.endswith(f"At attempt {MOST}: It needed more than 500 MB of memory.")


def test_a_tile_that_is_sent_again_after_it_was_given_up_has_all_its_attempts(
    client: redis.Redis, stack: ExitStack
) -> None:
    died_in(client, stack)
    with pytest.raises(UnprocessableError):
        attempt(client)
    died_in(client, stack, MOST - 1)
    attempt(client)


@pytest.mark.parametrize("error", [None, TransientError("away"), UnprocessableError("decode-failed", "It is damaged.")])
def test_an_attempt_that_ends_is_not_counted(client: redis.Redis, error: Exception | None) -> None:
    for _ in range(2 * MOST):
        with pytest.raises(type(error)) if error else nullcontext():
            attempt(client, error)
    assert not list(client.scan_iter("railwatch:detector:attempts:*"))


def test_attempts_at_one_tile_do_not_count_for_another(client: redis.Redis, stack: ExitStack) -> None:
    died_in(client, stack)
    with Attempts(client).at("another"):
        pass
