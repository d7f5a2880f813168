"""Dead letters: a record that cannot be processed is kept with the reason, never dropped."""

import base64
from datetime import UTC, datetime
from typing import Any

from railwatch.shared.bus.codec import header_text
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Coordinates, DeadLetter
from railwatch.shared.process import Service
from railwatch.shared.text import plain

# A larger value is left out. It is still in its topic, at the letter's coordinates.
MAX_VALUE_BYTES = 256 * 1024

MAX_HEADERS = 32
MAX_HEADER_CHARACTERS = 1_000
MAX_SUBJECT_CHARACTERS = 200


def dead_letter(service: Service, record: Any, error: UnprocessableError) -> DeadLetter:
    """The letter for a Kafka record (kafka-python's `ConsumerRecord`) that cannot be processed."""
    headers = {
        name[:MAX_HEADER_CHARACTERS]: text[:MAX_HEADER_CHARACTERS]
        for name, text in header_text(record.headers[:MAX_HEADERS]).items()
    }
    value = record.value or b""
    return DeadLetter(
        recorded_at=datetime.now(UTC),
        service=service,
        reason=error.reason,
        detail=error.detail,
        subject=plain(
            headers.get("ce_id", f"{record.topic}/{record.partition}/{record.offset}"), MAX_SUBJECT_CHARACTERS
        ),
        original=Coordinates(topic=record.topic, partition=record.partition, offset=record.offset),
        headers=headers,
        value_base64=base64.b64encode(value).decode() if len(value) <= MAX_VALUE_BYTES else None,
    )
