"""Signatures of webhooks."""

from datetime import UTC, datetime, timedelta

from railwatch.services.alerting.delivery.signature import signed_headers, verify


def test_a_signature_is_that_of_the_specification_and_beside_it_the_old_one() -> None:
    at = datetime.fromtimestamp(1_614_265_330, UTC)
    secret, event_id, body = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        '{"test": 2432232314}',
    )
    headers = signed_headers(secret, event_id, body, at)
    assert headers == {
        "webhook-id": event_id,
        "webhook-timestamp": "1614265330",
        # The example of https://github.com/standard-webhooks/standard-webhooks.
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "Railwatch-Event-Id": event_id,
        # printf '1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        "Railwatch-Signature": "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964",
    }


def test_a_signature_is_valid_for_its_id_its_body_its_secret_and_its_time_only() -> None:
    secret, now = "a secret of the desk", datetime.now(UTC)
    headers = signed_headers(secret, "event-1", "body", now)
    assert verify(secret, b"body", headers)
    assert not verify("another secret, longer", b"body", headers)
    assert not verify(secret, b"body!", headers)
    assert not verify(secret, b"\xff", headers)
    assert not verify(secret, b"body", {**headers, "webhook-id": "event-2"})
    assert not verify(secret, b"body", {**headers, "webhook-signature": "malformed"})
    assert not verify(secret, b"body", {})
    for late in (-301, 301):
        assert not verify(secret, b"body", signed_headers(secret, "event-1", "body", now + timedelta(seconds=late)))
