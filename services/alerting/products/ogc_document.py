"""What OGC API - Features says about itself: the OpenAPI 3.0 document, and a JSON Schema of each collection."""

from typing import Any

from railwatch.services.alerting.products.columns import Product, property_schemas
from railwatch.services.alerting.products.extent import Extent
from railwatch.services.alerting.products.formats import plain

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
DOCUMENT_TYPE = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA_TYPE = "application/schema+json"
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "geojson", "oas30")
)
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000

DESCRIPTIONS = {
    Product.SITES: "Monitored sites, and how they stand. Their time is that of the last look.",
    Product.LOOKS: "What was seen of each site at one time: the count with its interval, judged by the site's history.",
    Product.CARS: "The railcars that were counted, each once.",
    Product.ALERTS: "Alerts as they stand after their last step. Their time is that of the look that opened them.",
}
_GEOMETRY = {product: "Point" if product is Product.CARS else "Polygon" for product in Product}
# How the standard has lists in parameters, and says it of `bbox`, `datetime` and `limit` alike.
_FORM = {"style": "form", "explode": False}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "bbox": {
        "description": "west,south,east,north in degrees: only what touches this box.",
        "schema": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
        **_FORM,
    },
    "datetime": {
        "description": "A time, or an interval `FROM/TO` with `..` for an open end; both ends belong to it. RFC 3339.",
        "schema": {"type": "string"},
        **_FORM,
    },
    "limit": {
        "description": "Largest number of items.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        **_FORM,
    },
    "after": {"description": "Where the page before ended; `next` contains it.", "schema": {"type": "string"}},
    "site": {"description": "Only of this site.", "schema": {"type": "string"}},
    "state": {"description": "Only what is in this state; of cars, those of such looks.", "schema": {"type": "string"}},
    "f": {"description": "`json`, the only form.", "schema": {"type": "string", "enum": ["json", "geojson"]}},
}
# What the items of a collection can be asked for.
ITEM_PARAMETERS = frozenset(_PARAMETERS)
_ANY = {"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}}
_SCHEMA = {"description": "The answer.", "content": {SCHEMA_TYPE: {"schema": {"type": "object"}}}}
_WRONG = {"description": "What is asked cannot be understood.", "content": {"application/problem+json": {}}}


def extent_document(extent: Extent) -> dict[str, Any]:
    """An extent as a collection has it, without what is not known; an end of time that is not known is null."""
    document: dict[str, Any] = {}
    if extent.bounds is not None:
        document["spatial"] = {"bbox": [list(extent.bounds)], "crs": CRS84}
    if extent.last is not None:
        interval = [plain(extent.first), plain(extent.last)]
        document["temporal"] = {"interval": [interval], "trs": GREGORIAN}
    return document


def json_schema(product: Product, address: str) -> dict[str, Any]:
    """The JSON Schema of a collection's properties.

    Args:
        product: the collection.
        address: where it is.
    """
    geometry = {"x-ogc-role": "primary-geometry", "format": f"geometry-{_GEOMETRY[product].lower()}"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "title": product.value,
        "type": "object",
        "properties": {"geometry": geometry, **property_schemas(product)},
    }


def openapi_document(address: str) -> dict[str, Any]:
    """The description of everything below an address, in OpenAPI 3.0."""
    paths: dict[str, Any] = {
        "/": _get("The landing page", _ANY),
        "/conformance": _get("What this conforms to", _ANY),
        "/api": _get("This document", {"description": "The answer.", "content": {DOCUMENT_TYPE: {}}}),
        "/collections": _get("The collections", _ANY),
    }
    parameters = [
        {"name": name, "in": "query", "required": False, **parameter} for name, parameter in _PARAMETERS.items()
    ]
    row_id = {"name": "item", "in": "path", "required": True, "schema": {"type": "string"}}
    for product in Product:
        path = f"/collections/{product.value}"
        reference = {"$ref": f"#/components/schemas/{product.value}"}
        many = {"type": "object", "properties": {"features": {"type": "array", "items": reference}}}
        paths |= {
            path: _get(DESCRIPTIONS[product], _ANY),
            f"{path}/schema": _get("The JSON Schema of its properties", _SCHEMA),
            f"{path}/items": _get("Its items", _geojson(many), parameters),
            f"{path}/items/{{item}}": _get("One of its items", _geojson(reference), [row_id]),
        }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Railwatch", "version": "1", "description": "Sites, looks, railcars and alerts."},
        "servers": [{"url": address}],
        "paths": paths,
        "components": {"schemas": {product.value: _feature(product) for product in Product}},
    }


def _feature(product: Product) -> dict[str, Any]:
    nullable = {name: {**one, "nullable": True} for name, one in property_schemas(product).items()}
    return {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "properties": nullable},
        },
    }


def _geojson(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "GeoJSON.", "content": {"application/geo+json": {"schema": schema}}}


def _get(summary: str, answer: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "parameters": parameters or [],
            "responses": {"200": answer, "400": _WRONG},
        }
    }
