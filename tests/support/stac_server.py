"""A real STAC API: stac-fastapi, with items in memory. It pages, knows CQL2 or `query`, and answers 429 if told to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from operator import eq, ge, le
from typing import Any, Literal

import pystac
from fastapi import Request, Response
from pystac.utils import str_to_datetime
from shapely.geometry import box, shape
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import create_get_request_model, create_post_request_model
from stac_fastapi.extensions.filter import SearchFilterExtension
from stac_fastapi.extensions.pagination import TokenPaginationExtension
from stac_fastapi.extensions.query import QueryExtension
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.errors import NotFoundError
from stac_fastapi.types.extension import ApiExtension

from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings


class MemoryClient(BaseCoreClient):
    """The part of stac-fastapi that a backend has to write."""

    def begin(self, page_size: int) -> None:
        """It has no items, and pages of so many."""
        self.items: dict[str, dict[str, Any]] = {}
        self.page_size = page_size
        self.searches: list[Any] = []
        self.limits: list[tuple[int, str]] = []

    def put(self, item: pystac.Item) -> None:
        """Adds an item, or replaces the one of its id."""
        self.items[item.id] = item.to_dict(include_self_link=False)

    def post_search(self, search_request: Any, **kwargs: Any) -> Any:
        """A page of the items that are searched for."""
        self.searches.append(search_request)
        found = [item for item in self.items.values() if _matches(item, search_request)]
        start = int(search_request.token or 0)
        end = start + self.page_size
        url = str(kwargs["request"].url)
        following = {"rel": "next", "href": url, "method": "POST", "body": {"token": str(end)}, "merge": True}
        links = [following] if end < len(found) else []
        return {"type": "FeatureCollection", "features": found[start:end], "links": links}

    def get_search(self, *args: Any, **kwargs: Any) -> Any:
        """Nothing is found by GET: its landing page offers POST, which is how ingest asks."""
        raise NotFoundError("Search by POST.")

    def get_item(self, item_id: str, collection_id: str, **kwargs: Any) -> Any:
        """One item."""
        return self.items[item_id]

    def all_collections(self, **kwargs: Any) -> Any:
        """The collections, of which nothing is said."""
        return {"collections": [], "links": []}

    def get_collection(self, collection_id: str, **kwargs: Any) -> Any:
        """None of them is described."""
        raise NotFoundError(collection_id)

    def item_collection(self, *args: Any, **kwargs: Any) -> Any:
        """As no collection is described, none has items of its own."""
        raise NotFoundError("Search by POST.")


@contextmanager
def stac_server(
    page_size: int = 2, knows: Literal["cql2", "query", "nothing"] = "cql2"
) -> Iterator[tuple[str, MemoryClient]]:
    """Yields the address of the server, and what it has. It says in its conformance classes how it can be asked."""
    known: dict[str, list[ApiExtension]] = {"cql2": [SearchFilterExtension()], "query": [QueryExtension()]}
    extensions = [*known.get(knows, []), TokenPaginationExtension()]
    post_model = create_post_request_model(extensions)
    client = MemoryClient(extensions=extensions)
    client.begin(page_size)
    api = StacApi(
        settings=ApiSettings(enable_response_models=False),
        client=client,
        extensions=extensions,
        search_get_request_model=create_get_request_model(extensions),
        search_post_request_model=post_model,
    )

    @api.app.middleware("http")
    async def limited(request: Request, call_next: Callable[[Request], Any]) -> Response:
        if request.url.path.endswith("/search") and client.limits:
            status, retry_after = client.limits.pop(0)
            return Response(status_code=status, headers={"Retry-After": retry_after})
        answer: Response = await call_next(request)
        return answer

    with serve(api.app, HttpSettings(port=0)) as url:
        yield url, client


def _matches(item: dict[str, Any], search: Any) -> bool:
    ground = shape(item["geometry"])
    seen_at = str_to_datetime(item["properties"]["datetime"])
    return (
        (not search.collections or item.get("collection") in search.collections)
        and (search.bbox is None or ground.intersects(box(*search.bbox)))
        and _during(seen_at, search)
        and (getattr(search, "filter_expr", None) is None or _holds(search.filter_expr, item["properties"]) is True)
        and (getattr(search, "query", None) is None or _answers(search.query, item["properties"]))
    )


def _during(seen_at: datetime, search: Any) -> bool:
    begin, end = search.start_date, search.end_date
    return (begin is None or begin <= seen_at) and (end is None or seen_at <= end)


def _answers(query: dict[str, dict[str, Any]], properties: dict[str, Any]) -> bool:
    """STAC's `query`: what is not there matches nothing."""
    compare: dict[str, Callable[[Any, Any], bool]] = {"lte": le, "gte": ge, "in": lambda value, some: value in some}
    return all(
        name in properties and compare[operator](properties[name], limit)
        for name, conditions in query.items()
        for operator, limit in conditions.items()
    )


def _holds(expression: dict[str, Any], properties: dict[str, Any]) -> bool | None:
    """CQL2-JSON as OGC 21-065r2 defines it, as much as is needed: what is compared with null is null."""
    operator, arguments = expression["op"], expression["args"]
    if operator in ("and", "or"):
        parts = [_holds(part, properties) for part in arguments]
        decisive = operator == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    value = properties.get(arguments[0]["property"])
    if operator == "isNull":
        return value is None
    if value is None:
        return None
    return bool({"=": eq, "<=": le, ">=": ge}[operator](value, arguments[1]))
