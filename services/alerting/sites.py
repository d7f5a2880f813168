"""The HTTP API of alerting: sites and their observations."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from railwatch.services.alerting.products.answers import OTHER_FORMS, Asked, From, Limit, To, next_address
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.rows import Row
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.views import ObservationPage, SitePage, SiteView
from railwatch.shared.access import Holder
from railwatch.shared.counts import UtcDatetime
from railwatch.shared.sites import Site


def sites_router(
    store: Store, sites: Mapping[str, Site], products: Products, reader: Callable[..., Holder]
) -> APIRouter:
    """Sites and their observations."""
    router = APIRouter(prefix="/v1/sites", tags=["sites"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]

    def known(site: str, by: Holder) -> Site:
        found = sites.get(site)
        if found is None or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        return found

    def views(rows: Sequence[Row]) -> list[dict[str, Any]]:
        statuses, missed = store.statuses(), store.missed()
        shown = (site for row in rows if (site := sites.get(row.id)) is not None)
        found = (SiteView.of(site, statuses.get(site.id), missed.get(site.id, ())) for site in shown)
        return [view.model_dump(mode="json", by_alias=True) for view in found]

    @router.get("", summary="All sites", response_model=SitePage, responses=OTHER_FORMS)
    def list_sites(asked: Asked, by: Reader, state: State | None = None) -> Response:
        return asked.answer(products, Product.SITES, by, state=state, items=views)

    @router.get("/{site}", summary="One site")
    def get_site(site: str, by: Reader) -> SiteView:
        return SiteView.of(known(site, by), store.status(site), store.missed_at(site))

    @router.get("/{site}/observations", summary="A site's observations")
    def list_observations(
        request: Request,
        site: str,
        by: Reader,
        limit: Limit = 100,
        after: Annotated[UtcDatetime | None, Query(description="`observed_at` of the last item before.")] = None,
        from_: From = None,
        to: To = None,
    ) -> ObservationPage:
        known(site, by)
        before = min((at for at in (after, to) if at), default=datetime.max.replace(tzinfo=UTC))
        history = store.record(site).history
        found = [
            look
            for look in reversed(history.judgements)
            if look.observed_at < before and (from_ is None or look.observed_at >= from_)
        ]
        items = tuple(found[:limit])
        last = items[-1].observed_at.isoformat() if len(found) > limit else None
        instants = {look.observed_at for look in items}
        left_out = tuple(seen for seen in history.shadowed if seen.observed_at in instants)
        return ObservationPage(items=items, left_out=left_out, next=next_address(request, last))

    return router
