"""The AsyncAPI document says what the code does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from railwatch.shared.bus import Lineage, encode
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.schemas import example_path, schema_path
from tests.support.bus import FIRST_LOOK

PAGE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(PAGE.read_text())


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [ref for value in node.values() for ref in references(value)]
    return [ref for item in node for ref in references(item)] if isinstance(node, list) else []


def resolve(reference: str) -> Any:
    """What the reference points at."""
    file, _, pointer = reference.partition("#")
    node = json.loads((PAGE.parent / file).read_bytes()) if file else DOCUMENT
    for part in pointer.split("/")[1:]:
        node = node[part]
    return node


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_every_reference_leads_somewhere(reference: str) -> None:
    assert resolve(reference)


def test_every_event_has_its_channel_message_and_schema() -> None:
    described = {}
    for channel in DOCUMENT["channels"].values():
        for message in (resolve(message["$ref"]) for message in channel["messages"].values()):
            described[message["name"]] = (channel["address"], (PAGE.parent / message["payload"]["$ref"]).resolve())

    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert described == {
        event_type: (model.TOPIC, schema_path(event_type).resolve()) for event_type, model in EVENT_TYPES.items()
    }


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_headers_are_as_described(event_type: str) -> None:
    event = EVENT_TYPES[event_type].model_validate_json(example_path(event_type).read_bytes())
    message = encode(event, Lineage(arrived_at=FIRST_LOOK, traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"))
    headers = {name: value.decode() for name, value in message.headers}
    schema = DOCUMENT["components"]["schemas"]["headers"]

    jsonschema.validate(headers, schema)
    assert headers.keys() == schema["properties"].keys()
