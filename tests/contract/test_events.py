"""The events as their consumers know them: schema, example, wire form and id."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from railwatch.shared.bus import Lineage, decode, encode
from railwatch.shared.bus.codec import origin_of
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import EVENT_TYPES, CountEvent, Event, TileEvent
from railwatch.shared.schemas import example_path, json_schema, schema_path
from tests.support.bus import tile
from tests.support.compatibility import breaking_changes

# The schemas as they were first published. They change only with a new major version.
RELEASED = Path(__file__).parent / "released"

# The ids of the examples. If one changes, an event of the past is no longer recognised when it is published again.
IDS = {
    "railwatch.tile.v1": "7ecbacf238ddce727ed3149b82e7b391",
    "railwatch.count.v1": "439ce795f77d198ac9b62399a96afb1c",
    "railwatch.baseline.v1": "ba72794852a253d471f9ea9528094442",
    "railwatch.alert.v1": "0896e14f8ab64b099b9766e19033d1a3",
    "railwatch.missed-look.v1": "b5e6b3030080781f05d586920a919237",
    "railwatch.verdict.v1": "51a12ab5c8a7097024a00bd0dfd014e1",
    "railwatch.act.v1": "1b1577c460d666141a3eeb0214b461a8",
    "railwatch.dead-letter.v1": "56f01fe2f2d0fbdecd104968c3a726d2",
}
SOURCES = {
    "railwatch.tile.v1": "/railwatch/ingest",
    "railwatch.count.v1": "/railwatch/detector",
    "railwatch.baseline.v1": "/railwatch/detector",
    "railwatch.alert.v1": "/railwatch/alerting",
    "railwatch.missed-look.v1": "/railwatch/alerting",
    "railwatch.verdict.v1": "/railwatch/alerting",
    "railwatch.act.v1": "/railwatch/alerting",
    "railwatch.dead-letter.v1": "/railwatch/detector",
}

each_event = pytest.mark.parametrize("event_type", EVENT_TYPES)


def example(event_type: str) -> Event:
    return EVENT_TYPES[event_type].model_validate_json(example_path(event_type).read_bytes())


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


@each_event
def test_the_schema_file_is_current(event_type: str) -> None:
    assert read(schema_path(event_type)) == json_schema(EVENT_TYPES[event_type]), "python -m railwatch.shared.schemas"


@each_event
def test_the_example_is_valid_and_complete(event_type: str) -> None:
    schema = read(schema_path(event_type))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(read(example_path(event_type)), schema, jsonschema.Draft202012Validator)

    assert json.loads(example(event_type).model_dump_json()) == read(example_path(event_type))
    assert schema["properties"].keys() == read(example_path(event_type)).keys()


@each_event
def test_every_field_is_explained(event_type: str) -> None:
    unexplained = [
        name for name, field in json_schema(EVENT_TYPES[event_type])["properties"].items() if "description" not in field
    ]
    assert unexplained == []


@each_event
def test_the_id_is_stable(event_type: str) -> None:
    assert example(event_type).id == IDS[event_type]


@each_event
def test_only_optional_fields_were_added_since_release(event_type: str) -> None:
    assert breaking_changes(read(RELEASED / f"{event_type}.schema.json"), read(schema_path(event_type))) == []


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda schema: schema["properties"].pop("gsd_m"), "`gsd_m` is gone"),
        (lambda schema: schema["properties"]["site"].update(type="integer"), "`site` has changed"),
        (lambda schema: schema["required"].append("sun"), "`sun` has become required"),
        (lambda schema: schema["required"].remove("image"), "`image` is no longer sure"),
        (lambda schema: schema["$defs"]["BlobRef"]["properties"].pop("path"), "BlobRef: `path` is gone"),
        (lambda schema: schema["$defs"]["TileRole"]["enum"].append("other"), "TileRole has changed"),
    ],
)
def test_a_breaking_change_is_noticed(break_it: Any, sentence: str) -> None:
    old = json_schema(TileEvent)
    new = copy.deepcopy(old)
    break_it(new)

    assert any(sentence in change for change in breaking_changes(old, new))


def test_an_optional_field_breaks_nothing() -> None:
    old = json_schema(TileEvent)
    new = copy.deepcopy(old)
    new["properties"]["orbit"] = {"type": "integer", "default": 0}

    assert breaking_changes(old, new) == []


@each_event
def test_it_survives_the_wire(event_type: str) -> None:
    event = example(event_type)
    message = encode(event)

    assert decode(message.headers, message.value) == event
    assert message.topic == event.TOPIC
    assert message.key == event.key.encode()
    headers = {name: value.decode() for name, value in message.headers}
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": IDS[event_type],
        "ce_source": SOURCES[event_type],
        "ce_type": event_type,
        "ce_time": event.recorded_at.isoformat(),
        "ce_subject": event.key,
        "ce_dataschema": read(schema_path(event_type))["$id"],
        "ce_arrivedat": event.recorded_at.isoformat(),
        "content-type": "application/json",
    }


@each_event
def test_a_reader_of_today_ignores_the_fields_of_tomorrow(event_type: str) -> None:
    message = encode(example(event_type))
    body = {**json.loads(message.value), "field_of_tomorrow": 1}

    assert decode(message.headers, json.dumps(body).encode()) == example(event_type)


@pytest.mark.parametrize(
    ("changes", "value", "reason"),
    [
        ({"ce_id": None}, None, "not-a-cloudevent"),
        ({"ce_specversion": "0.3"}, None, "unknown-specversion"),
        ({"ce_type": "railwatch.tile.v2"}, None, "unknown-version"),
        ({"ce_type": "com.example.parcel.v1"}, None, "unknown-type"),
        ({"content-type": "application/avro"}, None, "unknown-content-type"),
        ({"ce_id": "0" * 32}, None, "id-mismatch"),
        ({}, b"", "invalid-body"),
        ({}, b"\xff\xfe", "invalid-body"),
        ({}, b"[]", "invalid-body"),
        ({}, b'{"site": "../etc"}', "invalid-body"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(changes: dict[str, str | None], value: bytes | None, reason: str) -> None:
    message = encode(tile(1))
    headers = dict(message.headers)
    for name, text in changes.items():
        del headers[name]
        if text is not None:
            headers[name] = text.encode()

    with pytest.raises(UnprocessableError) as error:
        decode(list(headers.items()), message.value if value is None else value)

    assert error.value.reason == reason
    assert "\n" not in error.value.detail


def test_a_count_that_contradicts_itself_is_refused_in_our_own_words() -> None:
    message = encode(example(CountEvent.TYPE))
    body = json.loads(message.value)
    body["result"] |= {"low": 90.0, "count": 70.0, "high": 80.0}

    with pytest.raises(UnprocessableError) as error:
        decode(message.headers, json.dumps(body).encode())

    assert error.value.detail.endswith("At result: `low` <= `count` <= `high` must hold.")


def test_one_instant_has_one_id() -> None:
    event = tile(1)
    in_seoul = event.observed_at.astimezone(timezone(timedelta(hours=9)))

    assert TileEvent.model_validate({**event.model_dump(), "observed_at": in_seoul}).id == event.id


@pytest.mark.parametrize("traceparent", ["", "not-a-trace", "00-" + "0" * 31 + "-" + "0" * 16 + "-01"])
def test_a_malformed_origin_is_no_reason_to_refuse(traceparent: str) -> None:
    headers = [("traceparent", traceparent.encode()), ("ce_arrivedat", b"yesterday")]

    assert origin_of(headers, tile(1)) == Lineage(arrived_at=tile(1).recorded_at, traceparent=None)


def test_the_origin_travels() -> None:
    origin = Lineage(
        arrived_at=datetime(2023, 10, 5, 6, tzinfo=UTC), traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    )

    assert origin_of(encode(tile(1), origin).headers, tile(1)) == origin
