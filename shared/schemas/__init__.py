"""JSON Schemas of the events, made from their models. Beside each schema is an example.

`python -m railwatch.shared.schemas` writes them. Within v1 an event may only gain optional fields. Any other change is
v2: a new type on a new topic.
"""

import re
from pathlib import Path
from typing import Any

from railwatch.shared.bus.codec import schema_uri
from railwatch.shared.events import Event

DIRECTORY = Path(__file__).parent

_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def schema_path(event_type: str) -> Path:
    """The file with the schema of an event."""
    return DIRECTORY / f"{event_type}.schema.json"


def example_path(event_type: str) -> Path:
    """The file with the example of an event."""
    return DIRECTORY / f"{event_type}.example.json"


def json_schema(model: type[Event]) -> dict[str, Any]:
    """The event's schema (draft 2020-12). The model's docstring describes the fields."""
    schema = model.model_json_schema()
    for described in (schema, *schema.get("$defs", {}).values()):
        _describe(described)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(model.TYPE),
        **schema,
        "title": model.TYPE,
    }


def _describe(schema: dict[str, Any]) -> None:
    """Move the `Attributes` of a docstring to the properties that they describe, and drop generated titles."""
    properties = schema.get("properties", {})
    for field in properties.values():
        field.pop("title", None)
    summary, _, attributes = schema.get("description", "").partition("\n\nAttributes:\n")
    if summary:
        schema["description"] = " ".join(summary.split())
    for name, text in _ATTRIBUTE.findall(attributes):
        if name in properties:
            properties[name]["description"] = " ".join(text.split())
