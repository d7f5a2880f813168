"""Publishing while Kafka does not answer."""

import threading

import pytest
from kafka.errors import KafkaConnectionError

from railwatch.shared.bus import Publisher, publisher
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import PATIENCE_S, eventually, tile


def test_connecting_holds_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting, give_up = threading.Event(), threading.Event()

    def connect(settings: KafkaSettings) -> None:
        connecting.set()
        assert give_up.wait(PATIENCE_S)
        raise KafkaConnectionError

    def publish() -> None:
        with pytest.raises(NotPublishedError):
            under_test.publish(tile(1))
        failed.set()

    monkeypatch.setattr(publisher, "make_producer", connect)
    under_test, failed = Publisher(KafkaSettings(bootstrap_servers="localhost:1")), threading.Event()
    threading.Thread(target=publish).start()
    assert connecting.wait(PATIENCE_S)
    closing = threading.Thread(target=under_test.close, daemon=True)
    closing.start()
    eventually(lambda: not closing.is_alive(), "closing does not wait for the connection")
    give_up.set()
    assert failed.wait(PATIENCE_S)
