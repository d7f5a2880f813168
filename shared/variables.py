"""The environment variables of settings, as their models describe them: for the reference, for help and for checks."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from railwatch.shared.settings import PREFIX, Group, ServiceSettings

# What the end of a field's name says of its unit.
UNITS = {
    "_bytes": "bytes",
    "_pixels": "pixels",
    "_looks": "looks",
    "_days": "days",
    "_ms": "milliseconds",
    "_mb": "megabytes (1,000,000 bytes)",
    "_s": "seconds",
    "_m": "metres",
    "_rate": "chance",
    "_share": "share",
    "_coverage": "share",
}
_SECTION = re.compile(r"^Attributes:\n((?: {4}.*\n?|\n)+)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Attributes:
        name: its name, `RAILWATCH_<GROUP>_<FIELD>`.
        takes: what values it takes, in words.
        unit: the unit of a number; empty if it has none.
        default: the value that it has if it is not set; null if it must be set, empty if there is none.
        secret: whether its value is never shown.
        meaning: what it is for.
    """

    name: str
    takes: str
    unit: str
    default: str | None
    secret: bool
    meaning: str


def groups_of(settings_type: type[ServiceSettings]) -> dict[str, type[Group]]:
    """The groups of some settings, by the name of their field."""
    return {
        name: field.annotation
        for name, field in settings_type.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
    }


def variable_name(*loc: object) -> str:
    """The name of a variable by its group and its field."""
    return PREFIX + "_".join(str(part) for part in loc).upper()


def variables_of(settings_type: type[ServiceSettings]) -> Iterator[Variable]:
    """The variables of some settings, in the order of their groups."""
    for name, group in groups_of(settings_type).items():
        yield from variables_in(name, group)


def variables_in(name: str, group: type[Group]) -> Iterator[Variable]:
    """The variables of one group, in the order of its fields.

    Args:
        name: of the group.
        group: its model.
    """
    schema = group.model_json_schema()
    meanings = _meanings(group)
    for field, described in schema["properties"].items():
        required = field in schema.get("required", ())
        yield Variable(
            name=variable_name(name, field),
            takes=_takes(field, described),
            unit=next((unit for ending, unit in UNITS.items() if field.endswith(ending)), ""),
            default=None if required else _default(described.get("default")),
            secret="'writeOnly': True" in str(described),
            meaning=meanings.get(field, ""),
        )


def _meanings(group: type[Group]) -> Mapping[str, str]:
    """What the group's docstring says of each attribute."""
    found = _SECTION.search(inspect.getdoc(group) or "")
    pairs = _ATTRIBUTE.findall(found[1]) if found else ()
    return {name: " ".join(text.split()) for name, text in pairs}


def _takes(field: str, schema: Mapping[str, Any]) -> str:
    several = ", separated by commas" if schema.get("type") == "array" else ""
    if "description" in schema:
        return f"{schema['description']}{several}"
    if "anyOf" in schema:
        return _takes(field, next(choice for choice in schema["anyOf"] if choice != {"type": "null"}))
    if "enum" in schema:
        *others, last = (f"`{value}`" for value in schema["enum"])
        return f"{', '.join(others)} or {last}" if others else last
    match schema["type"]:
        case "array":
            return f"{_takes(field, schema['items'])}{several}"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number":
            return f"{'a whole number' if schema['type'] == 'integer' else 'a number'}{_bounds(schema)}"
    if schema.get("format") in ("path", "file-path"):
        return "the path of a file" if field.endswith("file") else "the path of a directory"
    return f"text of at least {schema['minLength']} characters" if "minLength" in schema else "text"


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f", {schema['minimum']:,} to {schema['maximum']:,}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    told = [f"{word} {schema[bound]:,}" for bound, word in words.items() if bound in schema]
    return f", {' and '.join(told)}" if told else ""


def _default(value: object) -> str:
    match value:
        case None | [] | {} | "":
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(sorted(map(str, value)))
        case float():
            return f"{value:g}"
    return str(value)
