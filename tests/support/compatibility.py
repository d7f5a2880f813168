"""What a change of a JSON Schema breaks for those who wrote or read by the old one."""

from collections.abc import Iterator
from typing import Any

REMARKS = ("title", "description", "default", "examples", "$id", "$schema")


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every way in which the new schema does more than add optional fields, one sentence each."""
    return list(_compare(old, new, "the event"))


def _compare(old: dict[str, Any], new: dict[str, Any], where: str) -> Iterator[str]:
    for name, definition in old.get("$defs", {}).items():
        if name in new.get("$defs", {}):
            yield from _compare(definition, new["$defs"][name], name)
        else:
            yield f"{where}: the definition of {name} is gone"
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where}: `{name}` is gone"
        elif _plain(field) != _plain(new["properties"][name]):
            yield f"{where}: `{name}` has changed"
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(after - before):
        yield f"{where}: `{name}` has become required"
    for name in sorted(before - after):
        yield f"{where}: `{name}` is no longer sure to be there"
    structure = ("properties", "required", "$defs")
    if _plain(old, structure) != _plain(new, structure):
        yield f"{where}: its kind has changed"


def _plain(schema: Any, without: tuple[str, ...] = ()) -> Any:
    """The schema without its remarks."""
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name not in (*REMARKS, *without)}
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema
