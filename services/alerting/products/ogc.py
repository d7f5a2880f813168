"""OGC API - Features, Part 1: Core (OGC 17-069r4): sites, looks, cars and alerts as GeoJSON.

It stands below `/ogc` and not at `/v1`: the standard says how its paths and parameters are called and how they fail,
and `/v1` is ours. Both read the same rows. All links are absolute and begin with the public address, never with what a
request calls its `Host`.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from railwatch.services.alerting.products.answers import tagged
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.extent import Extents
from railwatch.services.alerting.products.formats import MEDIA_TYPES, Format, as_json, collection, feature
from railwatch.services.alerting.products.ogc_document import (
    CONFORMANCE,
    CRS84,
    DEFAULT_LIMIT,
    DESCRIPTIONS,
    DOCUMENT_TYPE,
    ITEM_PARAMETERS,
    MAX_LIMIT,
    SCHEMA_TYPE,
    extent_document,
    json_schema,
    openapi_document,
)
from railwatch.services.alerting.products.query import BadQueryError, Query, read_bbox, read_datetime
from railwatch.shared.access import Holder

# For alerting's own OpenAPI document.
FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/geo+json": {}, "application/schema+json": {}, "application/vnd.oai.openapi+json": {}}
    },
    304: {"description": "Not changed since the answer with the tag in `If-None-Match`."},
}
JSON, GEOJSON = MEDIA_TYPES[Format.JSON], MEDIA_TYPES[Format.GEOJSON]


def ogc_router(products: Products, reader: Callable[..., Holder]) -> APIRouter:
    """Everything below `/ogc`."""
    router = APIRouter(prefix="/ogc", tags=["OGC API - Features"], responses=FORMS)
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    base = f"{products.public_url}/ogc"

    def answer(request: Request, value: Any, media_type: str = JSON) -> Response:
        return tagged(request, as_json(value), media_type)

    def described(product: Product, extents: Extents) -> dict[str, Any]:
        address = f"{base}/collections/{product}"
        return {
            "id": product.value,
            "title": product.value.capitalize(),
            "description": DESCRIPTIONS[product],
            "itemType": "feature",
            "crs": [CRS84],
            "extent": extent_document(extents.of(product)),
            "links": [
                _link("self", address, JSON, product.value),
                _link("items", f"{address}/items", GEOJSON, f"Items of {product}"),
                _link("describedby", f"{address}/schema", SCHEMA_TYPE, f"Schema of {product}"),
            ],
        }

    @router.get("", summary="The landing page")
    @router.get("/", include_in_schema=False)
    def landing(request: Request, by: Reader) -> Response:
        _known(request)
        links = [
            _link("self", base, JSON, "This page"),
            _link("service-desc", f"{base}/api", DOCUMENT_TYPE, "The OpenAPI document"),
            _link("conformance", f"{base}/conformance", JSON, "What this conforms to"),
            _link("data", f"{base}/collections", JSON, "The collections"),
        ]
        return answer(request, {"title": "Railwatch", "description": "Railcars at monitored sites.", "links": links})

    @router.get("/api", summary="The OpenAPI 3.0 document")
    def document(request: Request, by: Reader) -> Response:
        _known(request)
        return answer(request, openapi_document(base), DOCUMENT_TYPE)

    @router.get("/conformance", summary="What this conforms to")
    def conformance(request: Request, by: Reader) -> Response:
        _known(request)
        return answer(request, {"conformsTo": CONFORMANCE})

    @router.get("/collections", summary="The collections")
    def collections(request: Request, by: Reader) -> Response:
        _known(request)
        links = [_link("self", f"{base}/collections", JSON, "The collections")]
        extents = Extents(products, by)
        return answer(request, {"links": links, "collections": [described(product, extents) for product in Product]})

    @router.get("/collections/{product}", summary="One collection")
    def one_collection(request: Request, product: str, by: Reader) -> Response:
        _known(request)
        return answer(request, described(_product(product), Extents(products, by)))

    @router.get("/collections/{product}/schema", summary="The JSON Schema of a collection's properties")
    def schema(request: Request, product: str, by: Reader) -> Response:
        _known(request)
        found = _product(product)
        return answer(request, json_schema(found, f"{base}/collections/{found}/schema"), SCHEMA_TYPE)

    @router.get("/collections/{product}/items", summary="Items of a collection")
    def items(request: Request, product: str, by: Reader) -> Response:
        found, parameters = _product(product), _known(request, ITEM_PARAMETERS)
        try:
            query, limit = _query(parameters), _limit(parameters.get("limit"))
            page = products.page(found, query, by, parameters.get("after"), limit)
        except BadQueryError as error:
            raise HTTPException(400, str(error)) from None
        address = f"{base}/collections/{found}"
        links = [
            _link("self", _address(f"{address}/items", parameters), GEOJSON, "This page"),
            _link("collection", address, JSON, f"The collection of {found}"),
        ]
        if page.next is not None:
            following = _address(f"{address}/items", {**parameters, "after": page.next})
            links.append(_link("next", following, GEOJSON, "The next page"))
        return tagged(
            request, collection(found, page.rows, {"numberReturned": len(page.rows), "links": links}), GEOJSON
        )

    @router.get("/collections/{product}/items/{item}", summary="One item")
    def one_item(request: Request, product: str, item: str, by: Reader) -> Response:
        _known(request)
        found = _product(product)
        row = products.row(found, item, by)
        if row is None:
            raise HTTPException(404, f"There is no item {item!r} in the collection {found}.")
        address = f"{base}/collections/{found}"
        links = [
            _link("self", f"{address}/items/{quote(item, safe='')}", GEOJSON, "This item"),
            _link("collection", address, JSON, f"The collection of {found}"),
        ]
        return answer(request, {**feature(found, row), "links": links}, GEOJSON)

    return router


def _link(relation: str, href: str, media_type: str, title: str) -> dict[str, str]:
    return {"rel": relation, "href": href, "type": media_type, "title": title}


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _product(name: str) -> Product:
    try:
        return Product(name)
    except ValueError:
        raise HTTPException(404, f"There is no collection {name!r}.") from None


def _known(request: Request, names: frozenset[str] = frozenset({"f"})) -> dict[str, str]:
    """The parameters of a request. The standard asks for 400 where one is not known, or its value is wrong."""
    given = dict(request.query_params)
    unknown = sorted(given.keys() - names)
    if unknown:
        raise HTTPException(400, f"There is no parameter {unknown[0]!r} here; known are {', '.join(sorted(names))}.")
    if given.get("f", Format.JSON) not in (Format.JSON, Format.GEOJSON):
        raise HTTPException(400, "`f` must be `json`.")
    return given


def _query(parameters: dict[str, str]) -> Query:
    bbox, times = parameters.get("bbox"), parameters.get("datetime")
    since, before = read_datetime(times) if times is not None else (None, None)
    ground = read_bbox(bbox) if bbox is not None else None
    return Query(ground, since, before, parameters.get("site"), parameters.get("state"))


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch("[0-9]{1,18}", text) or int(text) < 1:
        raise BadQueryError("`limit` must be a number of at least 1, and of no more than 18 digits.")
    return min(int(text), MAX_LIMIT)
