"""Which items of a STAC API are wanted, as words for the API and as a check of what it answers.

An item that does not say is taken: providers leave fields out. So the API is asked for items that match or do not say,
which CQL2 can express (OGC 21-065r2) and STAC's older `query` cannot. What an API does not filter is checked here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from railwatch.services.ingest.sources.forms import Filters

CLOUD_COVER, GSD, PLATFORM = "eo:cloud_cover", "gsd", "platform"


def wanted(filters: Filters, properties: Mapping[str, Any]) -> bool:
    """Whether an item with these properties is wanted."""
    return all(_holds(properties.get(name), operator, limit) for name, operator, limit in _conditions(filters))


def cql2(filters: Filters) -> dict[str, Any] | None:
    """The same as CQL2-JSON; null if everything is wanted."""
    parts = [
        {"op": "or", "args": [_compared(name, operator, limit), {"op": "isNull", "args": [{"property": name}]}]}
        for name, operator, limit in _conditions(filters)
    ]
    if len(parts) < 2:
        return parts[0] if parts else None
    return {"op": "and", "args": parts}


def _conditions(filters: Filters) -> Iterator[tuple[str, str, Any]]:
    limits = (
        (CLOUD_COVER, "<=", filters.cloud_cover_max),
        (GSD, ">=", filters.gsd_min_m),
        (GSD, "<=", filters.gsd_max_m),
        (PLATFORM, "in", filters.platforms or None),
    )
    return ((name, operator, limit) for name, operator, limit in limits if limit is not None)


def _holds(value: Any, operator: str, limit: Any) -> bool:
    if operator == "in":
        return value is None or (isinstance(value, str) and value.lower() in {name.lower() for name in limit})
    if not isinstance(value, int | float):
        return True
    return bool(value <= limit if operator == "<=" else value >= limit)


def _compared(name: str, operator: str, limit: Any) -> dict[str, Any]:
    if operator != "in":
        return {"op": operator, "args": [{"property": name}, limit]}
    return {"op": "or", "args": [{"op": "=", "args": [{"property": name}, each]} for each in limit]}
