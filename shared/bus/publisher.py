"""Publishing: nothing counts as published before the broker has acknowledged it."""

import threading
from contextlib import suppress
from typing import Any

from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from railwatch.shared.bus import metrics
from railwatch.shared.bus.client import DELIVERY_TIMEOUT_MS, make_producer
from railwatch.shared.bus.codec import encode
from railwatch.shared.bus.lineage import current_lineage
from railwatch.shared.errors import NotPublishedError, UnprocessableError
from railwatch.shared.events import DeadLetter, Event
from railwatch.shared.settings import KafkaSettings


class Publisher:
    """Sends events and waits for their acknowledgement. Safe to share between threads.

    It connects when it first has something to send. After a failure the producer is thrown away and the next call makes
    a new one: an idempotent producer that lost a batch, or whose broker forgot it, does not always recover by itself.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None

    def publish(self, *events: Event) -> None:
        """Publish the events and return when the broker has acknowledged every one.

        They carry the lineage in whose context this is called. Publishing again what was published before is harmless:
        ids are derived from content.

        Raises:
            NotPublishedError: the broker did not acknowledge all of them in time; some may have been written.
            UnprocessableError: `event-too-large`.
        """
        if not events:
            return
        messages = [encode(event, current_lineage()) for event in events]
        producer: Any = None
        try:
            producer = self._connected()
            futures = [
                producer.send(self._settings.prefix + message.topic, message.value, message.key, message.headers)
                for message in messages
            ]
            for future in futures:
                future.get(DELIVERY_TIMEOUT_MS / 1000 + 1)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            raise UnprocessableError("event-too-large", "An event is larger than the broker takes.") from None
        except (KafkaError, OSError) as error:
            self._replace(producer)
            raise NotPublishedError(f"Kafka did not acknowledge: {type(error).__name__}.") from error
        for event in events:
            metrics.EVENTS_PUBLISHED.labels(event.TYPE).inc()
            if isinstance(event, DeadLetter):
                metrics.DEAD_LETTERS.labels(event.reason).inc()

    def close(self) -> None:
        """Let go of the connection. What was published is published; nothing waits here."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=1)

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = make_producer(self._settings)
            return self._producer

    def _replace(self, failed: Any) -> None:
        """Let the next call make a new producer, unless another thread has done so already."""
        with self._lock:
            if failed is None or self._producer is not failed:
                return
            self._producer = None
        # What other threads have handed to it is acknowledged or expires within the delivery timeout.
        threading.Thread(
            target=failed.close, args=(DELIVERY_TIMEOUT_MS / 1000 + 1,), name="producer-close", daemon=True
        ).start()
