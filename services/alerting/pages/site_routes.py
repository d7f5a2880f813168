"""The addresses of the pages of sites and looks."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from railwatch.services.alerting.pages.addresses import look_path
from railwatch.services.alerting.pages.look import LookKnown, look_page
from railwatch.services.alerting.pages.policy import BaseMap
from railwatch.services.alerting.pages.site import SiteKnown, site_page
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Holder
from railwatch.shared.sites import Site

ALERTS_SHOWN = 50


def site_pages_router(
    store: Store, sites: Mapping[str, Site], reader: Callable[..., Holder], base_map: BaseMap
) -> APIRouter:
    """The pages of sites and looks."""
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)

    def reached(site: str, by: Holder) -> Site:
        found = sites.get(site)
        if found is None or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        return found

    @router.get("/sites/{site}")
    def one_site(site: str, by: Reader) -> HTMLResponse:
        known = SiteKnown(
            site=reached(site, by),
            status=store.status(site),
            looks=store.record(site).history.judgements,
            alerts=tuple(store.latest_of(store.alerts(site)[:ALERTS_SHOWN])),
            missed=[event for event in store.missed_at(site) if event.stands],
        )
        return HTMLResponse(site_page(known, datetime.now(UTC)), headers=base_map.headers)

    @router.get("/sites/{site}/looks/{scene}")
    def one_look(site: str, scene: str, by: Reader) -> Response:
        found, record = reached(site, by), store.record(site)
        looks = record.history.judgements
        index = next((n for n, look in enumerate(looks) if scene in look.scenes), None)
        if index is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site!r}.")
        look = looks[index]
        if scene != look.scene:
            return RedirectResponse(look_path(site, look.scene))
        opened_at = look.opened_at
        known = LookKnown(
            site=found,
            look=look,
            evidence=store.transact(site, lambda transaction: transaction.evidence(scene)),
            alert=next((a.alert for a in record.alerts if opened_at and a.opened_at == opened_at), None),
            earlier=looks[index - 1].scene if index else None,
            later=looks[index + 1].scene if index + 1 < len(looks) else None,
        )
        return HTMLResponse(look_page(known), headers=base_map.headers)

    return router
