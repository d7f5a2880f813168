"""Rows as CSV, GeoParquet and GeoPackage, written as they come."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import shapely

from railwatch.services.alerting.products.columns import COLUMNS, Kind, Product
from railwatch.services.alerting.products.formats import cells, write_header
from railwatch.services.alerting.products.rows import Row
from railwatch.shared.errors import ConfigurationError

# Rows that are in memory at the same time, and in one group of rows of a Parquet file.
BATCH = 5_000
# https://geoparquet.org/releases/v1.1.0/
GEOPARQUET = "1.1.0"

T = TypeVar("T")


def write_csv(path: Path, product: Product, rows: Iterable[Row]) -> int:
    """Write CSV (RFC 4180), with the place of each row as WKT in the last column; returns how many rows."""
    columns, written = COLUMNS[product], 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        write_header(writer, product)
        for row in rows:
            writer.writerow(cells(columns, row))
            written += 1
    return written


def write_geoparquet(path: Path, product: Product, rows: Iterable[Row]) -> int:
    """Write GeoParquet 1.1 with WKB in WGS 84 longitude and latitude; returns how many rows.

    Raises:
        ConfigurationError: pyarrow is not installed.
    """
    pyarrow = _installed("pyarrow")
    parquet = _installed("pyarrow.parquet")
    column = {"encoding": "WKB", "geometry_types": [_geometry_type(product)]}
    geo = {"version": GEOPARQUET, "primary_column": "geometry", "columns": {"geometry": column}}
    schema, written = _schema(pyarrow, product).with_metadata({"geo": json.dumps(geo)}), 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            writer.write_batch(_record_batch(pyarrow, schema, product, batch))
            written += len(batch)
    return written


def write_geopackage(path: Path, product: Product, rows: Iterable[Row]) -> int:
    """Write a layer of a GeoPackage, named like the product; returns how many rows.

    Raises:
        ConfigurationError: pyarrow or pyogrio is not installed.
    """
    pyarrow, pyogrio = _installed("pyarrow"), _installed("pyogrio")
    schema, written = _schema(pyarrow, product), 0
    failure: Exception | None = None

    def counted() -> Iterator[Any]:
        nonlocal written, failure
        try:
            for batch in _batches(rows):
                written += len(batch)
                yield _record_batch(pyarrow, schema, product, batch)
        except Exception as error:  # GDAL would say only that a batch cannot be read
            failure = error
            raise

    try:
        pyogrio.write_arrow(
            pyarrow.RecordBatchReader.from_batches(schema, counted()),
            path,
            layer=product.value,
            driver="GPKG",
            geometry_name="geometry",
            geometry_type=_geometry_type(product),
            crs="EPSG:4326",
        )
    except Exception as error:
        raise failure or error from None
    return written


def _geometry_type(product: Product) -> str:
    return "Point" if product is Product.CARS else "Polygon"


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _schema(pyarrow: Any, product: Product) -> Any:
    types: dict[Kind, Callable[[], Any]] = {
        "text": pyarrow.string,
        "number": pyarrow.float64,
        "integer": pyarrow.int64,
        "boolean": pyarrow.bool_,
        "time": lambda: pyarrow.timestamp("us", tz="UTC"),
        "texts": lambda: pyarrow.list_(pyarrow.string()),
    }
    fields = [pyarrow.field(column.name, types[column.kind]()) for column in COLUMNS[product]]
    return pyarrow.schema([*fields, pyarrow.field("geometry", pyarrow.binary())])


def _record_batch(pyarrow: Any, schema: Any, product: Product, rows: list[Row]) -> Any:
    arrays = [
        pyarrow.array([row.values.get(column.name) for row in rows], type=schema.field(column.name).type)
        for column in COLUMNS[product]
    ]
    places = [None if row.geometry is None else shapely.to_wkb(row.geometry) for row in rows]
    return pyarrow.record_batch([*arrays, pyarrow.array(places, type=pyarrow.binary())], schema=schema)


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ConfigurationError(
            f"this format needs {name.partition('.')[0]}: install railwatch with its extra, railwatch[export]"
        ) from None
