"""Publishing: an event is published when the broker has acknowledged it, and not before."""

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError

from railwatch.shared.bus import metrics
from railwatch.shared.bus.client import DELIVERY_TIMEOUT_MS, make_producer
from railwatch.shared.bus.codec import Message, encode
from railwatch.shared.bus.lineage import current_lineage
from railwatch.shared.bus.topics import is_missing
from railwatch.shared.errors import NotPublishedError, UnprocessableError
from railwatch.shared.events import DeadLetter, Event
from railwatch.shared.settings import KafkaSettings


class Publisher:
    """Sends events and waits for their acknowledgement. Threads may share it.

    It connects when it first has an event to send. After a failure it throws the producer away, and the next call makes
    a new one. An idempotent producer does not always recover by itself if it lost a batch or if the broker forgot it.
    While Kafka is away, all who publish wait for the same attempt to connect, and fail with it.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None
        self._connecting: Future[Any] | None = None

    def publish(self, *events: Event) -> None:
        """Publish the events, and return when the broker has acknowledged all of them.

        They get the lineage of the context in which this is called. It is harmless to publish an event twice: its id is
        derived from its content.

        Raises:
            NotPublishedError: the broker did not acknowledge all of them in time, or has no such topic. Some may have
                been written.
            UnprocessableError: `event-too-large`.
        """
        if not events:
            return
        messages = [encode(event, current_lineage()) for event in events]
        producer: Any = None
        try:
            producer = self._connected()
            futures = [self._sent(producer, message) for message in messages]
            for future in futures:
                future.get(DELIVERY_TIMEOUT_MS / 1000 + 1)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            raise UnprocessableError("event-too-large", "An event is larger than the broker accepts.") from None
        except (KafkaError, OSError) as error:
            self._replace(producer)
            raise NotPublishedError(f"Kafka did not acknowledge: {type(error).__name__}.") from error
        for event in events:
            metrics.EVENTS_PUBLISHED.labels(event.TYPE).inc()
            if isinstance(event, DeadLetter):
                metrics.DEAD_LETTERS.labels(event.reason).inc()

    def close(self) -> None:
        """Close the connection. Nothing is lost: `publish` returns only when its events are acknowledged."""
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=1)

    def _sent(self, producer: Any, message: Message) -> Any:
        topic = self._settings.prefix + message.topic
        try:
            return producer.send(topic, message.value, message.key, message.headers)
        except KafkaTimeoutError:  # says the same of a broker that is away and of a topic that is not there
            if is_missing(self._settings, topic):
                raise NotPublishedError(f"There is no topic {topic} in Kafka.") from None
            raise

    def _connected(self) -> Any:
        with self._lock:
            if self._producer is not None:
                return self._producer
            connecting, first = self._connecting or Future(), self._connecting is None
            self._connecting = connecting
        if first:
            self._connect(connecting)
        return connecting.result()

    def _connect(self, connecting: Future[Any]) -> None:
        try:
            producer = make_producer(self._settings)
        except BaseException as error:
            with self._lock:
                self._connecting = None
            connecting.set_exception(error)
        else:
            with self._lock:
                self._producer, self._connecting = producer, None
            connecting.set_result(producer)

    def _replace(self, failed: Any) -> None:
        """Let the next call make a new producer, unless another thread has done so already."""
        with self._lock:
            if failed is None or self._producer is not failed:
                return
            self._producer = None
        # Events of other threads are acknowledged, or fail, within the delivery timeout.
        threading.Thread(
            target=failed.close, args=(DELIVERY_TIMEOUT_MS / 1000 + 1,), name="producer-close", daemon=True
        ).start()
