"""The HTTP API of verdicts: what people say about looks and alerts, and what that teaches."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException

from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.pages.addresses import alert_path, look_path
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.state.records import Taught
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdict_views import (
    AlertVerdictBody,
    AlertVerdicts,
    LookVerdictBody,
    LookVerdicts,
    SiteVerdicts,
    VerdictBody,
    VerdictView,
)
from railwatch.services.alerting.verdicts.conditions import conditions_of
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import EVERYONE, actor, admitted, check_reach
from railwatch.shared.errors import NotPublishedError, NotStandingError
from railwatch.shared.events import Found
from railwatch.shared.http import body_schema, json_body
from railwatch.shared.sites import Site
from railwatch.shared.sun import sun_position

# How many verdicts the answer about a site shows.
LAST = 100


def verdicts_router(
    store: Store,
    products: Products,
    sites: Mapping[str, Site],
    tokens: Tokens,
    reader: Callable[..., Holder],
    publish: Callable[[str], None],
) -> APIRouter:
    """Verdicts on looks and alerts.

    Args:
        store: where they are kept.
        products: the looks.
        sites: the catalogue.
        tokens: of those who may judge.
        reader: who may read.
        publish: publishes what waits of a site.
    """
    router = APIRouter(prefix="/v1", tags=["verdicts"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    Judge: TypeAlias = Annotated[Holder, Depends(admitted(tokens, Scope.VERDICT))]
    base = products.public_url.rstrip("/")

    def look_at(site_id: str, scene: str, by: Holder) -> About:
        site = sites.get(site_id)
        if site is None or not by.reaches(site_id):
            raise HTTPException(404, f"There is no site {site_id!r}.")
        look = products.look(site_id, scene)
        if look is None:
            raise HTTPException(404, f"There is no look of the scene {scene!r} at the site {site_id!r}.")
        scenes = look.seen.scenes
        return About(site, scenes, None, look.seen.observed_at, found_of(look), base + look_path(site_id, scenes[0]))

    def alert_at(alert: str, by: Holder) -> About:
        events = store.alert(alert)
        site = sites.get(events[-1].site) if events else None
        if site is None or not by.reaches(site.id):
            raise HTTPException(404, f"There is no alert {alert!r}.")
        return About(site, (), alert, events[-1].look.observed_at, None, base + alert_path(alert))

    def given(about: About, body: VerdictBody, by: Holder) -> None:
        said = Said(
            kind=body.kind,
            by=actor(by, body.by),
            sender=by.name,
            at=datetime.now(UTC),
            places=body.places,
            total=body.total,
            reason=body.reason,
            note=body.note,
            takes_back=body.takes_back,
            admission=by.admission,
        )
        try:
            verdict = say(store, about, said)
        except NotStandingError as error:
            raise HTTPException(409, str(error)) from None
        publish(about.site.id)
        if all(held.id != verdict.id for held in store.verdicts(about.site.id)):
            raise NotPublishedError("The state was lost in between, and the verdict with it; say it again.")

    def look_verdicts(about: About) -> LookVerdicts:
        verdicts = [one for one in store.verdicts(about.site.id) if about.names(one)]
        assert about.found is not None  # noqa: S101 - it is a look
        return LookVerdicts.of(about.site.id, about.scenes[0], about.found, verdicts)

    def alert_verdicts(about: About) -> AlertVerdicts:
        verdicts = [one for one in store.verdicts(about.site.id) if about.names(one)]
        return AlertVerdicts.of(about.alert or "", about.site.id, verdicts)

    @router.get("/sites/{site}/verdicts", summary="What people's verdicts teach of a site")
    def get_site_verdicts(site: str, by: Reader) -> SiteVerdicts:
        if site not in sites or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        verdicts = store.verdicts(site)
        newest = VerdictView.all_of(verdicts)[: -LAST - 1 : -1]
        return SiteVerdicts(site=site, taught=Taught.by(verdicts), verdicts=newest)

    @router.get("/sites/{site}/looks/{scene}/verdicts", summary="What people say of a look")
    def get_look_verdicts(site: str, scene: str, by: Reader) -> LookVerdicts:
        return look_verdicts(look_at(site, scene, by))

    @router.post(
        "/sites/{site}/looks/{scene}/verdicts",
        summary="Judge a look, take a verdict back, or ask for a second look",
        openapi_extra=body_schema(LookVerdictBody),
    )
    def post_look_verdict(
        site: str, scene: str, by: Judge, body: Annotated[LookVerdictBody, Depends(json_body(LookVerdictBody))]
    ) -> LookVerdicts:
        check_reach(by, site)
        about = look_at(site, scene, by)
        given(about, body, by)
        return look_verdicts(about)

    @router.get("/alerts/{alert}/verdicts", summary="What people say of an alert")
    def get_alert_verdicts(alert: str, by: Reader) -> AlertVerdicts:
        return alert_verdicts(alert_at(alert, by))

    @router.post(
        "/alerts/{alert}/verdicts",
        summary="Judge an alert, take a verdict back, or ask for a second look",
        openapi_extra=body_schema(AlertVerdictBody),
    )
    def post_alert_verdict(
        alert: str, by: Judge, body: Annotated[AlertVerdictBody, Depends(json_body(AlertVerdictBody))]
    ) -> AlertVerdicts:
        about = alert_at(alert, EVERYONE)
        check_reach(by, about.site.id)
        given(about, body, by)
        return alert_verdicts(about)

    return router


def found_of(look: SiteLook) -> Found:
    """What the detector says of a look."""
    west, south, east, north = look.site.polygon.bounds
    seen = look.seen
    sun = sun_position(seen.observed_at, (west + east) / 2, (south + north) / 2)
    counted = bool(look.counts) and seen.count is not None
    return Found(
        count=seen.count,
        low=seen.low,
        high=seen.high,
        cars=sum(1 for _ in look.cars) if counted else None,
        conditions=conditions_of(look.events, sun.elevation_deg),
        counts=tuple(sorted(count.id for count in look.events)),
    )
