"""How rows are answered over HTTP: in the wanted form, with the address of the next page, and not twice the same."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request, Response
from fastapi import Query as Parameter

from railwatch.services.alerting.products.catalogue import Page, Products
from railwatch.services.alerting.products.columns import Product, property_schemas
from railwatch.services.alerting.products.formats import (
    MEDIA_TYPES,
    Format,
    accepted,
    as_csv,
    as_json,
    collection,
    properties,
)
from railwatch.services.alerting.products.query import BadQueryError, NoSuchAlertError, Query, read_bbox
from railwatch.services.alerting.products.rows import Row
from railwatch.shared.access import Holder
from railwatch.shared.counts import UtcDatetime

Limit = Annotated[int, Parameter(ge=1, le=500, description="Largest number of items.")]
From = Annotated[UtcDatetime | None, Parameter(alias="from", description="Not before this time, RFC 3339.")]
To = Annotated[UtcDatetime | None, Parameter(description="Before this time, RFC 3339.")]
OnlySite = Annotated[str | None, Parameter(description="Only of this site.")]

# For the OpenAPI documents: the forms beside JSON.
OTHER_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/geo+json": {"schema": {"type": "object"}}, "text/csv": {"schema": {"type": "string"}}}
    },
    304: {"description": "Not changed since the answer with the tag in `If-None-Match`."},
}


def list_forms(product: Product) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI documents: what a list of rows answers, in all its forms."""
    properties = {
        name: {
            "anyOf": [{key: schema[key] for key in schema if key != "description"}, {"type": "null"}],
            "description": schema["description"],
        }
        for name, schema in property_schemas(product).items()
    }
    items = {"type": "array", "items": {"type": "object", "required": list(properties), "properties": properties}}
    address = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    page = {"type": "object", "required": ["next", "items"], "properties": {"next": address, "items": items}}
    forms = {**OTHER_FORMS[200]["content"], "application/json": {"schema": page}}
    return {**OTHER_FORMS, 200: {"content": forms}}


def _wanted_form(
    request: Request,
    f: Annotated[Format | None, Parameter(description="The form of the answer; by default, as `Accept` says.")] = None,
) -> Format:
    return f or accepted(request.headers.get("accept", ""))


# The form that a request wants: what it says by `f`, or by its header.
Form: TypeAlias = Annotated[Format, Depends(_wanted_form)]


@dataclass(frozen=True)
class PageAsked:
    """What all lists can be asked for: a page of what lies on some ground and in some time, in some form."""

    request: Request
    query: Query
    limit: int
    after: str | None
    form: Format

    def answer(
        self,
        products: Products,
        product: Product,
        by: Holder,
        *,
        site: str | None = None,
        state: str | None = None,
        items: Callable[[Sequence[Row]], list[dict[str, Any]]] | None = None,
    ) -> Response:
        """The page. It is refused with 422, or 404, if there is no such place to go on.

        Args:
            products: where the rows come from.
            product: what is asked for.
            by: who asks.
            site: of this site; null for all.
            state: in this state; null for any.
            items: what plain JSON has in place of the columns of these rows.
        """
        query = replace(self.query, site=site, state=state)
        try:
            page = products.page(product, query, by, self.after, self.limit)
        except NoSuchAlertError as error:
            raise HTTPException(404, str(error)) from None
        except BadQueryError as error:
            raise HTTPException(422, str(error)) from None
        address = next_address(self.request, page.next)
        headers = {"Link": f'<{address}>; rel="next"'} if address else {}
        return tagged(self.request, self._body(product, page, address, items), MEDIA_TYPES[self.form], headers)

    def _body(
        self,
        product: Product,
        page: Page,
        address: str | None,
        items: Callable[[Sequence[Row]], list[dict[str, Any]]] | None,
    ) -> bytes:
        if self.form is Format.CSV:
            return as_csv(product, page.rows)
        if self.form is Format.GEOJSON:
            links = [{"rel": "next", "href": address, "type": MEDIA_TYPES[self.form]}] if address else []
            return collection(product, page.rows, {"links": links})
        found = items(page.rows) if items else [properties(product, row) for row in page.rows]
        return as_json({"next": address, "items": found})


def _page_asked(
    request: Request,
    form: Form,
    bbox: Annotated[
        str | None,
        Parameter(description="west,south,east,north in degrees: only what touches this box, `130.5,42.3,130.7,42.5`."),
    ] = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 100,
    after: Annotated[str | None, Parameter(description="The last item of the page before. `next` contains it.")] = None,
) -> PageAsked:
    try:
        ground = read_bbox(bbox) if bbox else None
    except BadQueryError as error:
        raise HTTPException(422, str(error)) from None
    return PageAsked(request, Query(ground, from_, to), limit, after, form)


Asked: TypeAlias = Annotated[PageAsked, Depends(_page_asked)]


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
