"""The wire form: CloudEvents 1.0 in Kafka's binary mode, JSON bodies.

CloudEvents' attributes are `ce_` headers, and the body holds the event's own fields. The Kafka protocol binding of
CloudEvents defines this (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from railwatch.shared.bus.lineage import TRACEPARENT, Lineage
from railwatch.shared.bus.unreadable import Unreadable
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import EVENT_TYPES, Event
from railwatch.shared.text import said

Headers = Sequence[tuple[str, bytes | None]]

CONTENT_TYPE = "application/json"
SPEC_VERSION = "1.0"


@dataclass(frozen=True)
class Message:
    """An event as Kafka gets it. The topic has no prefix of the installation yet."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def header_text(headers: Headers) -> dict[str, str]:
    """The headers as text. Bytes that are not UTF-8 are replaced."""
    return {name: (value or b"").decode(errors="replace") for name, value in headers}


def schema_uri(event_type: str) -> str:
    """The name of the event's JSON Schema, its `$id`."""
    return f"urn:railwatch:schema:{event_type}"


def context_attributes(event: Event) -> dict[str, str]:
    """The attributes that CloudEvents gives to an event, without its data."""
    return {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": event.event_source,
        "type": event.TYPE,
        "time": event.recorded_at.isoformat(),
        "subject": event.key,
        "dataschema": schema_uri(event.TYPE),
    }


def encode(event: Event, origin: Lineage | None = None) -> Message:
    """The event as a Kafka record. If it has no origin, its arrival is the time at which it was recorded."""
    attributes = {f"ce_{name}": value for name, value in context_attributes(event).items()}
    attributes["ce_arrivedat"] = (origin.arrived_at if origin else event.recorded_at).isoformat()
    attributes["content-type"] = CONTENT_TYPE
    if origin and origin.traceparent:
        attributes["traceparent"] = origin.traceparent
    return Message(
        topic=event.TOPIC,
        key=event.key.encode(),
        value=event.model_dump_json().encode(),
        headers=[(name, value.encode()) for name, value in attributes.items()],
    )


def decode_record(record: Any) -> Event:
    """The event of kafka-python's `ConsumerRecord`, or of what was passed over in its place.

    Raises:
        UnprocessableError: `unreadable-record`, or a reason of `decode`.
    """
    if isinstance(record, Unreadable):
        raise UnprocessableError("unreadable-record", record.problem)
    return decode(record.headers, record.value)


def decode(headers: Headers, value: bytes | None) -> Event:
    """The event of a Kafka record.

    Raises:
        UnprocessableError: `not-a-cloudevent`, `unknown-specversion`, `unknown-type`, `unknown-version`,
            `unknown-content-type`, `invalid-body`, or `id-mismatch`.
    """
    attributes = header_text(headers)
    missing = [name for name in ("ce_specversion", "ce_id", "ce_source", "ce_type") if name not in attributes]
    if missing:
        raise UnprocessableError("not-a-cloudevent", f"These headers are missing: {', '.join(missing)}.")
    if attributes["ce_specversion"] != SPEC_VERSION:
        raise UnprocessableError(
            "unknown-specversion",
            f"The version of CloudEvents is {attributes['ce_specversion']!r}; it must be {SPEC_VERSION}.",
        )
    model = _model(attributes["ce_type"])
    content_type = attributes.get("content-type", CONTENT_TYPE).partition(";")[0].strip()
    if content_type != CONTENT_TYPE:
        raise UnprocessableError("unknown-content-type", f"The body is {content_type!r}; it must be {CONTENT_TYPE}.")
    try:
        event = model.model_validate_json(value or b"")
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the top"
        raise UnprocessableError(
            "invalid-body", f"The body is not a valid {model.TYPE}. At {where}: {said(fault['msg'])}."
        ) from None
    if event.id != attributes["ce_id"]:
        raise UnprocessableError(
            "id-mismatch", f"The id is {attributes['ce_id']!r}, but the content gives the id {event.id!r}."
        )
    return event


def origin_of(headers: Headers, event: Event) -> Lineage:
    """The lineage that the events made from this one get. Malformed headers are ignored; the event is still good."""
    attributes = header_text(headers)
    try:
        arrived_at = datetime.fromisoformat(attributes.get("ce_arrivedat", ""))
    except ValueError:
        arrived_at = event.recorded_at
    traceparent = attributes.get("traceparent", "")
    return Lineage(
        arrived_at=arrived_at if arrived_at.tzinfo else event.recorded_at,
        traceparent=traceparent if TRACEPARENT.fullmatch(traceparent) else None,
    )


def _model(event_type: str) -> type[Event]:
    if event_type in EVENT_TYPES:
        return EVENT_TYPES[event_type]
    family = re.sub(r"\.v\d+$", "", event_type)
    for known in EVENT_TYPES:
        if family == re.sub(r"\.v\d+$", "", known):
            raise UnprocessableError("unknown-version", f"The type is {event_type!r}; this version reads {known}.")
    raise UnprocessableError("unknown-type", f"Railwatch has no type {event_type[:128]!r}.")
