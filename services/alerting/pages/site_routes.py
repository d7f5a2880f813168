"""The addresses of the pages of sites and looks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from railwatch.services.alerting.pages.addresses import look_path
from railwatch.services.alerting.pages.look import LookKnown, look_page
from railwatch.services.alerting.pages.outlines import drawn_cars
from railwatch.services.alerting.pages.parts import counts_of_look
from railwatch.services.alerting.pages.policy import BaseMap
from railwatch.services.alerting.pages.site import SiteKnown, site_page
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.shared.access import Holder
from railwatch.shared.baseline_versions import kept_versions
from railwatch.shared.sites import Site

ALERTS_SHOWN = 50


def site_pages_router(products: Products, reader: Callable[..., Holder], base_map: BaseMap) -> APIRouter:
    """The pages of sites and looks."""
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    store, archive = products.store, products.archive

    def reached(site: str, by: Holder) -> Site:
        found = products.sites.get(site)
        if found is None or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        return found

    @router.get("/sites/{site}")
    def one_site(site: str, by: Reader) -> HTMLResponse:
        found, looks = reached(site, by), store.record(site).history.judgements
        counted = next((look for look in reversed(looks) if look.count is not None or look.occupied is not None), None)
        known = SiteKnown(
            site=found,
            status=store.status(site),
            looks=looks,
            alerts=tuple(store.latest_of(store.alerts(site)[:ALERTS_SHOWN])),
            missed=[event for event in store.missed_at(site) if event.stands],
            newest=counts_of_look(archive, site, counted) if counted else (),
            versions=kept_versions(archive.objects, site),
            taught=store.taught(site),
        )
        return HTMLResponse(site_page(known, datetime.now(UTC)), headers=base_map.headers)

    @router.get("/sites/{site}/at/{ms}")
    def look_at_a_time(site: str, ms: Annotated[int, PathParameter(ge=0, le=10**14)], by: Reader) -> Response:
        """The last look until a time, for the points of a dashboard, which know no scenes."""
        reached(site, by)
        until = datetime.fromtimestamp(ms / 1000, UTC) + timedelta(seconds=1)
        looks = store.record(site).history.judgements
        scene = next((look.scene for look in reversed(looks) if look.observed_at <= until), None)
        if scene is None:
            scene = next((scene for _, scene in archive.times(site, before=until, newest_first=True)), None)
        if scene is None:
            raise HTTPException(404, f"The site {site!r} was not seen until then.")
        return RedirectResponse(look_path(site, scene))

    @router.get("/sites/{site}/looks/{scene}")
    def one_look(site: str, scene: str, by: Reader) -> Response:
        reached(site, by)
        look = products.look(site, scene)
        if look is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site!r}.")
        if scene != look.seen.scene:
            return RedirectResponse(look_path(site, look.seen.scene))
        earlier, later = _beside(products, look)
        return HTMLResponse(look_page(LookKnown(look, drawn_cars(look), earlier, later)), headers=base_map.headers)

    return router


def _beside(products: Products, look: SiteLook) -> tuple[str | None, str | None]:
    """Scenes of the looks before and after: from the history, or for a look that is older from the archive."""
    site, at = look.site.id, look.seen.observed_at
    looks = products.store.record(site).history.judgements
    earlier = next((other.scene for other in reversed(looks) if other.observed_at < at), None)
    later = next((other.scene for other in looks if other.observed_at > at), None)
    if earlier is None:
        earlier = next((scene for _, scene in products.archive.times(site, before=at, newest_first=True)), None)
    if look.judgement is None:
        after = at + products.span + timedelta.resolution
        later = next((scene for _, scene in products.archive.times(site, since=after)), None)
    return earlier, later
