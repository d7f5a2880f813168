"""What a change of a JSON Schema breaks for writers and readers of the old one."""

from collections.abc import Iterator
from typing import Any

# Keywords that explain and do not bind.
REMARKS = ("title", "description", "default", "examples", "$id", "$schema")

# Where the name of a definition is kept once references to it are resolved.
NAME = "$name"


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every way in which the new schema does more than add optional fields, one sentence each.

    Names of definitions are no part of the contract: a reference is compared by what it refers to.
    """
    return list(_compare(_resolved(old, old), _resolved(new, new), "the event"))


def _resolved(schema: Any, document: dict[str, Any]) -> Any:
    """The schema with every reference replaced by its definition, marked with the definition's name."""
    if isinstance(schema, list):
        return [_resolved(item, document) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return {**_resolved(document["$defs"][name], document), NAME: name}
    return {name: _resolved(value, document) for name, value in schema.items() if name != "$defs"}


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for before, after in zip(old, new, strict=True):
            yield from _compare(before, after, where)
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _compare_schemas(old, new, old.get(NAME, where))
    elif old != new:
        yield f"{where} has changed"


def _compare_schemas(old: dict[str, Any], new: dict[str, Any], where: str) -> Iterator[str]:
    for name, field in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from _compare(field, new["properties"][name], f"{where}: `{name}`")
        else:
            yield f"{where}: `{name}` is gone"
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield f"{where}: `{name}` has become required"
    for name in sorted(before - after):
        yield f"{where}: `{name}` is no longer sure to be there"
    for word in sorted((old.keys() | new.keys()) - {*REMARKS, NAME, "properties", "required"}):
        yield from _compare(old.get(word), new.get(word), where)
