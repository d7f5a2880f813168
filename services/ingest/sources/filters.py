"""Which items of a STAC API are wanted, as words for the API and as a check of what it answers.

Providers leave fields out. CQL2 (OGC 21-065r2) can ask for items that match or do not say; STAC's older `query` cannot.
So it is used only if items that do not say are to be left out. What an API does not filter is checked here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pystac_client import Client, ConformanceClasses

from railwatch.services.ingest.sources.forms import Filters

CLOUD_COVER, GSD, PLATFORM = "eo:cloud_cover", "gsd", "platform"
# The operators of STAC's `query`.
_QUERY = {"<=": "lte", ">=": "gte", "in": "in"}


def asked_of(client: Client, filters: Filters) -> dict[str, Any]:
    """What an API is asked beside place and time, in the form that it says it knows; nothing if it knows none."""
    if (expression := cql2(filters)) is None:
        return {}
    if client.conforms_to(ConformanceClasses.FILTER):
        return {"filter": expression, "filter_lang": "cql2-json"}
    if filters.unstated == "leave-out" and client.conforms_to(ConformanceClasses.QUERY):
        return {"query": query(filters)}
    return {}


def wanted(filters: Filters, properties: Mapping[str, Any]) -> bool:
    """Whether an item with these properties is wanted."""
    held = (_holds(properties.get(name), operator, limit) for name, operator, limit in _conditions(filters))
    return all(filters.unstated == "take" if holds is None else holds for holds in held)


def cql2(filters: Filters) -> dict[str, Any] | None:
    """The same as CQL2-JSON; null if everything is wanted."""
    parts = [_compared(name, operator, limit) for name, operator, limit in _conditions(filters)]
    if filters.unstated == "take":
        names = [name for name, _, _ in _conditions(filters)]
        parts = [
            {"op": "or", "args": [part, {"op": "isNull", "args": [{"property": name}]}]}
            for name, part in zip(names, parts, strict=True)
        ]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"op": "and", "args": parts}


def query(filters: Filters) -> dict[str, dict[str, Any]]:
    """The same as STAC's `query`, which finds no item that does not say."""
    asked: dict[str, dict[str, Any]] = {}
    for name, operator, limit in _conditions(filters):
        asked.setdefault(name, {})[_QUERY[operator]] = list(limit) if operator == "in" else limit
    return asked


def _conditions(filters: Filters) -> Iterator[tuple[str, str, Any]]:
    limits = (
        (CLOUD_COVER, "<=", filters.cloud_cover_max),
        (GSD, ">=", filters.gsd_min_m),
        (GSD, "<=", filters.gsd_max_m),
        (PLATFORM, "in", filters.platforms or None),
    )
    return ((name, operator, limit) for name, operator, limit in limits if limit is not None)


def _holds(value: Any, operator: str, limit: Any) -> bool | None:
    """Whether a value is within a limit; null if it says nothing."""
    if operator == "in":
        return value.lower() in {name.lower() for name in limit} if isinstance(value, str) else None
    if not isinstance(value, int | float):
        return None
    return bool(value <= limit if operator == "<=" else value >= limit)


def _compared(name: str, operator: str, limit: Any) -> dict[str, Any]:
    if operator != "in":
        return {"op": operator, "args": [{"property": name}, limit]}
    return {"op": "or", "args": [{"op": "=", "args": [{"property": name}, each]} for each in limit]}
