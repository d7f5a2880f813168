"""How rows are answered over HTTP: in the wanted form, with the address of the next page, and not twice the same."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import HTTPException, Query, Request, Response
from shapely.geometry.base import BaseGeometry

from railwatch.services.alerting.products.catalogue import Page
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.formats import (
    MEDIA_TYPES,
    Format,
    accepted,
    as_csv,
    as_json,
    collection,
    properties,
)
from railwatch.services.alerting.products.query import BadQueryError, read_bbox
from railwatch.shared.counts import UtcDatetime

Limit = Annotated[int, Query(ge=1, le=500, description="Largest number of items.")]
After = Annotated[str | None, Query(description="The last item of the page before. `next` contains it.")]
From = Annotated[UtcDatetime | None, Query(alias="from", description="Not before this time, RFC 3339.")]
To = Annotated[UtcDatetime | None, Query(description="Before this time, RFC 3339.")]
Bbox = Annotated[
    str | None,
    Query(description="west,south,east,north in degrees: only what touches this box, `130.5,42.3,130.7,42.5`."),
]
OnlySite = Annotated[str | None, Query(description="Only of this site.")]
Form = Annotated[Format | None, Query(alias="f", description="The form of the answer; by default, as `Accept` says.")]

# For the OpenAPI documents: the forms beside JSON.
OTHER_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/geo+json": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}}}
    },
    304: {"description": "Not changed since the answer with the tag in `If-None-Match`."},
}


def ground_of(bbox: str | None) -> BaseGeometry | None:
    """The ground of a parameter `bbox`; it is refused with 422 if it is no box."""
    try:
        return read_bbox(bbox) if bbox else None
    except BadQueryError as error:
        raise HTTPException(422, str(error)) from None


def wanted(request: Request, form: Format | None) -> Format:
    """The form that a request wants: what it says by `f`, or by its header."""
    return form or accepted(request.headers.get("accept", ""))


def page_answer(
    request: Request, product: Product, page: Page, form: Format, items: Callable[[], Sequence[Any]] | None = None
) -> Response:
    """A page in its form.

    Args:
        request: what was asked.
        product: what it was asked of.
        page: the rows.
        form: the form.
        items: what plain JSON has in place of the columns of each row.
    """
    address = next_address(request, page.next)
    headers = {"Link": f'<{address}>; rel="next"'} if address else {}
    if form is Format.CSV:
        return tagged(request, as_csv(product, page.rows), MEDIA_TYPES[form], headers)
    if form is Format.GEOJSON:
        links = [{"rel": "next", "href": address, "type": MEDIA_TYPES[form]}] if address else []
        return tagged(request, collection(product, page.rows, {"links": links}), MEDIA_TYPES[form], headers)
    found = items() if items else [properties(product, row) for row in page.rows]
    return tagged(request, as_json({"next": address, "items": found}), MEDIA_TYPES[form], headers)


def tagged(request: Request, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> Response:
    """An answer with an entity tag, or 304 if the asker has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**(headers or {}), "ETag": tag, "Vary": "Accept, Authorization"}
    held = {text.strip().removeprefix("W/") for text in request.headers.get("if-none-match", "").split(",")}
    if not held.isdisjoint({tag, "*"}):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def next_address(request: Request, last: str | None) -> str | None:
    """The address of the page after an item; null if there is none."""
    if last is None:
        return None
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*query, ('after', last)])}"
