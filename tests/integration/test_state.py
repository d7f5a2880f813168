"""Redis as it stands in production: an ACL user that sees only our keys, and TLS."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from redis.exceptions import NoPermissionError

from railwatch.embedded import embedded_redis, free_port
from railwatch.shared.errors import DependencyAwayError, TransientError
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect, key, ready, redis_errors
from tests.support.tls_proxy import CERTIFICATE, tls_proxy


def test_values_are_text_under_our_prefix(redis_settings: RedisSettings) -> None:
    with connect(redis_settings) as client:
        client.set(key("alerting", "window", "tumangang"), "70")

        assert client.keys() == ["railwatch:alerting:window:tumangang"]
        assert client.get("railwatch:alerting:window:tumangang") == "70"
        assert ready(client)


def test_an_acl_user_reaches_our_keys_and_no_others(redis_settings: RedisSettings) -> None:
    with connect(redis_settings) as admin:
        admin.acl_setuser("railwatch", enabled=True, passwords=["+hush"], categories=["+@all"], keys=["railwatch:*"])
    ours = redis_settings.model_copy(update={"username": "railwatch", "password": SecretStr("hush")})

    with connect(ours) as client:
        client.set(key("claim"), "1")
        with pytest.raises(NoPermissionError):
            client.set("another", "1")


def test_a_wrong_password_is_not_ready(redis_settings: RedisSettings) -> None:
    with connect(redis_settings) as admin:
        admin.acl_setuser("railwatch", enabled=True, passwords=["+hush"], categories=["+@all"], keys=["railwatch:*"])
    wrong = redis_settings.model_copy(update={"username": "railwatch", "password": SecretStr("wrong")})

    with connect(wrong) as client:
        assert not ready(client)


def test_tls_with_the_authority_we_trust(redis_settings: RedisSettings) -> None:
    with tls_proxy(int(redis_settings.url.rpartition(":")[2].partition("/")[0])) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        with connect(RedisSettings(url=url, tls_ca_file=CERTIFICATE)) as client:
            assert ready(client)
        with connect(RedisSettings(url=url)) as stranger:
            assert not ready(stranger), "a certificate that nobody vouches for is refused"


def test_nobody_there_is_not_ready() -> None:
    with connect(RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")) as client:
        assert not ready(client)


@pytest.fixture
def own_redis() -> Iterator[redis.Redis]:
    """A Redis that the test may spoil."""
    with embedded_redis() as environment, connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])) as client:
        yield client


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client: client.config_set("maxmemory", "1mb"),
        lambda client: client.replicaof("127.0.0.1", str(free_port())),
        lambda client: client.config_set("min-replicas-to-write", "1"),
    ],
    ids=["full", "replica", "too-few-replicas"],
)
def test_redis_that_refuses_writes_is_away_and_not_ready(own_redis: redis.Redis, spoil: Any) -> None:
    assert ready(own_redis)
    spoil(own_redis)

    assert own_redis.ping(), "it answers"
    assert not ready(own_redis)
    with pytest.raises(DependencyAwayError, match=r"^Redis refuses: "), redis_errors():
        own_redis.set(key("claim"), "1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.hgetall(key("claim")),
        lambda client: client.pipeline().get(key("claim")).hgetall(key("claim")).execute(),
    ],
    ids=["alone", "in a pipeline"],
)
def test_a_key_that_holds_something_else_is_no_reason_to_wait_for_ever(
    redis_settings: RedisSettings, ask: Callable[[Any], object]
) -> None:
    with connect(redis_settings) as client:
        client.set(key("claim"), "1")
        with pytest.raises(TransientError, match="WRONGTYPE") as error, redis_errors():
            ask(client)
    assert not isinstance(error.value, DependencyAwayError)


def test_redis_that_does_not_answer_is_away() -> None:
    with (
        connect(RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")) as client,
        pytest.raises(DependencyAwayError, match=r"^Redis does not answer: ConnectionError"),
        redis_errors(),
    ):
        client.get(key("claim"))
