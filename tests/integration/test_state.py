"""Redis as it stands in production: an ACL user that sees only our keys, and TLS."""

import pytest
from pydantic import SecretStr
from redis.exceptions import NoPermissionError

from railwatch.embedded import free_port
from railwatch.shared.errors import TransientError
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


def test_redis_that_does_not_answer_is_a_transient_error() -> None:
    with (
        connect(RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")) as client,
        pytest.raises(TransientError, match=r"^Redis does not answer: ConnectionError"),
        redis_errors(),
    ):
        client.get(key("claim"))
