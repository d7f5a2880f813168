"""Rows as GeoJSON, CSV and plain JSON."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import shapely

from railwatch.services.alerting.products.columns import COLUMNS, Column, Product
from railwatch.services.alerting.products.rows import Row
from railwatch.shared.accept import weights

# About 0.1 m.
DEGREES_DIGITS = 6
# Between the members of a list in a table.
BETWEEN = "; "


class Format(StrEnum):
    """In which form rows are wanted."""

    JSON = "json"
    GEOJSON = "geojson"
    CSV = "csv"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.GEOJSON: "application/geo+json",
    Format.CSV: "text/csv; charset=utf-8",
}


def accepted(accept: str) -> Format:
    """The form that a header `Accept` prefers; JSON if it names none of them."""
    named = {text.partition(";")[0]: form for form, text in MEDIA_TYPES.items()}
    wanted = {name: weight for name, weight in weights(accept).items() if name in named and weight > 0.0}
    return named[max(wanted, key=wanted.__getitem__)] if wanted else Format.JSON


def properties(product: Product, row: Row) -> dict[str, Any]:
    """All columns of a row, as JSON has them."""
    return {column.name: plain(row.values.get(column.name)) for column in COLUMNS[product]}


def feature(product: Product, row: Row) -> dict[str, Any]:
    """A row as a GeoJSON Feature (RFC 7946)."""
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": None if row.geometry is None else _geometry(row),
        "properties": properties(product, row),
    }


def collection(product: Product, rows: Iterable[Row], members: Mapping[str, Any] | None = None) -> bytes:
    """Rows as a GeoJSON FeatureCollection, with further members."""
    features = [feature(product, row) for row in rows]
    return as_json({"type": "FeatureCollection", **(members or {}), "features": features})


def as_csv(product: Product, rows: Iterable[Row]) -> bytes:
    """Rows as CSV (RFC 4180) with a header, and the place of each as WKT in the last column."""
    text = io.StringIO()
    writer = csv.writer(text)
    write_header(writer, product)
    for row in rows:
        writer.writerow(cells(COLUMNS[product], row))
    return text.getvalue().encode()


def write_header(writer: Any, product: Product) -> None:
    """Write the names of the columns of a product's CSV."""
    writer.writerow([*(column.name for column in COLUMNS[product]), "geometry"])


def cells(columns: Sequence[Column], row: Row) -> list[str | float | None]:
    """A row of CSV. A text that a spreadsheet would take for a formula has a quote before it."""
    found = [_cell(row.values.get(column.name)) for column in columns]
    wkt = None if row.geometry is None else shapely.to_wkt(row.geometry, rounding_precision=DEGREES_DIGITS)
    return [*found, wkt]


def as_json(value: Any) -> bytes:
    """JSON as it is answered."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _cell(value: Any) -> str | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        value = BETWEEN.join(value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    shown: str | float | None = plain(value)
    return shown


def _geometry(row: Row) -> Any:
    rounded = shapely.transform(row.geometry, lambda points: points.round(DEGREES_DIGITS + 1))
    return shapely.geometry.mapping(rounded)
