"""The addresses of the pages and of their assets."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from xml.etree.ElementTree import Element

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from railwatch.services.alerting.pages.alert import alert_page
from railwatch.services.alerting.pages.ground_routes import ground_router
from railwatch.services.alerting.pages.listing import COLUMNS, Places, listed, worst_first
from railwatch.services.alerting.pages.markup import el
from railwatch.services.alerting.pages.overview import overview_page
from railwatch.services.alerting.pages.policy import BaseMap
from railwatch.services.alerting.pages.site_routes import site_pages_router
from railwatch.services.alerting.pages.verdicts import alert_record
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Holder
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import AlertEvent, JudgedLook, MissedLookEvent, Severity
from railwatch.shared.problem_page import Home
from railwatch.shared.sites import Site

SITES_PER_PAGE = 100

# How many looks before the opening are drawn.
LOOKS_BEFORE = 60

# Alerts per site-year are counted over this time.
YEAR = timedelta(days=365.25)

ASSETS = Path(__file__).parent / "assets"


def add_pages(
    app: FastAPI, products: Products, blobs: BlobStore, reader: Callable[..., Holder], base_map: BaseMap
) -> None:
    """Serve the pages."""
    app.state.home = Home("/", "All sites")
    app.mount("/assets", StaticFiles(directory=ASSETS, packages=[("railwatch.shared", "assets")]))
    store, sites = products.store, products.sites
    app.include_router(_overview_router(store, sites, reader, base_map))
    app.include_router(_alert_router(store, sites, reader, base_map))
    app.include_router(ground_router(products, blobs, reader))
    app.include_router(site_pages_router(products, reader, base_map))


def _overview_router(
    store: Store, sites: Mapping[str, Site], reader: Callable[..., Holder], base_map: BaseMap
) -> APIRouter:
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    router = APIRouter(include_in_schema=False)
    places = Places(sites)

    def missed_by_site() -> dict[str, list[MissedLookEvent]]:
        missed: dict[str, list[MissedLookEvent]] = defaultdict(list)
        for event in store.standing_missed():
            missed[event.site].append(event)
        return missed

    @router.get("/", response_class=HTMLResponse)
    def overview(by: Reader, page: Annotated[int, Query(ge=1)] = 1) -> HTMLResponse:
        statuses = store.statuses()
        ordered = worst_first((place for place in places.all().values() if by.reaches(place.id)), statuses)
        pages = range(1, math.ceil(len(ordered) / SITES_PER_PAGE) + 1)
        shown = ordered[(page - 1) * SITES_PER_PAGE : page * SITES_PER_PAGE]
        links = (el("a", str(n), href=f"/?page={n}", aria_current="page" if n == page else None) for n in pages)
        more = el("nav", *links, class_="pages", aria_label="Pages of sites") if len(pages) > 1 else None
        standing = [event for event in store.standing() if by.reaches(event.site)]
        standing.sort(key=lambda event: event.opened_at, reverse=True)
        standing.sort(key=lambda event: event.severity is not Severity.CRITICAL)
        record = _alert_record(store, sites, by, datetime.now(UTC))
        page_text = overview_page(shown, statuses, standing, missed_by_site(), len(ordered), more, record)
        return HTMLResponse(page_text, headers=base_map.headers)

    @router.get("/sites.json")
    def all_sites(by: Reader) -> dict[str, Any]:
        statuses = store.statuses()
        reached = worst_first((place for place in places.all().values() if by.reaches(place.id)), statuses)
        return {"columns": COLUMNS, "rows": listed(reached, statuses, missed_by_site())}

    @router.get("/map.json")
    def map_settings(by: Reader) -> dict[str, str | None]:
        return {"base_map": base_map.tiles, "credit": base_map.credit}

    return router


def _alert_record(store: Store, sites: Mapping[str, Site], by: Holder, now: datetime) -> Element | None:
    """How good alerts were in the last year, at the sites that somebody may read."""
    reached = [site for site in sites if by.reaches(site)]
    began = now - YEAR
    since = store.known_since(reached, now)
    site_years = sum(((now - max(since[site], began)) / YEAR for site in reached), 0.0)
    alerts = store.alerts(None, began) if by.sites is None else [a for s in reached for a in store.alerts(s, began)]
    taught = [one for site, one in store.all_taught().items() if by.reaches(site)]
    return alert_record(taught, len(alerts), site_years)


def _alert_router(
    store: Store, sites: Mapping[str, Site], reader: Callable[..., Holder], base_map: BaseMap
) -> APIRouter:
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

    @router.get("/alerts/{alert}")
    def one_alert(alert: str, by: Reader) -> HTMLResponse:
        events = store.alert(alert)
        if not events or not by.reaches(events[-1].site):
            raise HTTPException(404, f"There is no alert {alert!r}.")
        site = sites.get(events[-1].site)
        context = [(event.title, event.at) for event in site.events] if site else []
        looks = _looks(store, events)
        return HTMLResponse(alert_page(events, looks, context, datetime.now(UTC)), headers=base_map.headers)

    return router


def _looks(store: Store, events: list[AlertEvent]) -> Sequence[JudgedLook]:
    """The looks to draw: those of the site from some before the alert on, or if they are forgotten, the alert's own."""
    event = events[-1]
    known = store.record(event.site).history.judgements
    if not any(look.observed_at == event.look.observed_at for look in known):
        return [*event.history, event.look]
    before = [look for look in known if look.observed_at < event.opened_at]
    return [*before[-LOOKS_BEFORE:], *(look for look in known if look.observed_at >= event.opened_at)]
