"""The HTTP API of verdicts: what people say about looks and alerts, and what that teaches."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.history.frames import Frame, look_of
from railwatch.services.alerting.history.observations import tracks_by_tile
from railwatch.services.alerting.pages.addresses import alert_path, look_path
from railwatch.services.alerting.rule.judgement import Observation
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
from railwatch.shared.admission import NotAdmittedError, admitted
from railwatch.shared.errors import NotPublishedError, NotStandingError
from railwatch.shared.events import CountEvent, Found
from railwatch.shared.http import body_schema, json_body
from railwatch.shared.sites import Site
from railwatch.shared.sun import sun_position

# How many verdicts the answer about a site shows.
LAST = 100


def verdicts_router(
    store: Store,
    archive: Archive,
    sites: Mapping[str, Site],
    tokens: Tokens,
    reader: Callable[..., Holder],
    publish: Callable[[str], None],
    public_url: str,
) -> APIRouter:
    """Verdicts on looks and alerts.

    Args:
        store: where they are kept.
        archive: the counts of looks.
        sites: the catalogue.
        tokens: of those who may judge.
        reader: who may read.
        publish: publishes what waits of a site.
        public_url: where alerting's pages are reached from outside.
    """
    router = APIRouter(prefix="/v1", tags=["verdicts"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]
    Judge: TypeAlias = Annotated[Holder, Depends(admitted(tokens, Scope.VERDICT))]
    base = public_url.rstrip("/")

    def look_at(site_id: str, scene: str, by: Holder) -> About:
        site = sites.get(site_id)
        if site is None or not by.reaches(site_id):
            raise HTTPException(404, f"There is no site {site_id!r}.")
        look: Observation | None = store.record(site_id).history.of_scene(scene)
        scenes = [archive.scene(site_id, one) for one in (look.scenes if look else (scene,))]
        counts = [count for one in scenes if one for count in one.counts.values()]
        if look is None and scenes[0] is not None:
            # The history has forgotten the look; the archive has not.
            look = look_of((Frame(scene, scenes[0].readings),), tracks_by_tile(site), site.car_lengths_m)
        if look is None:
            raise HTTPException(404, f"No look of the scene {scene!r} was judged at the site {site_id!r}.")
        found = found_of(site, look, counts)
        return About(site, look.scenes, None, look.observed_at, found, base + look_path(site_id, look.scenes[0]))

    def alert_at(alert: str, by: Holder) -> About:
        events = store.alert(alert)
        site = sites.get(events[-1].site) if events else None
        if site is None or not by.reaches(site.id):
            raise HTTPException(404, f"There is no alert {alert!r}.")
        return About(site, (), alert, events[-1].look.observed_at, None, base + alert_path(alert))

    def given(about: About, body: VerdictBody, by: Holder) -> None:
        who = body.by or by.name
        if who is None:
            raise HTTPException(422, "Say who you are in `by`: the token has no name.")
        said = Said(
            kind=body.kind,
            by=who,
            sender=by.name,
            at=datetime.now(UTC),
            places=body.places,
            total=body.total,
            reason=body.reason,
            note=body.note,
            takes_back=body.takes_back,
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
        _check_reach(by, site)
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
        events = store.alert(alert)
        if events:
            _check_reach(by, events[-1].site)
        about = alert_at(alert, by)
        given(about, body, by)
        return alert_verdicts(about)

    return router


def found_of(site: Site, look: Observation, counts: Sequence[CountEvent]) -> Found:
    """What the detector says of a look.

    Args:
        site: its site.
        look: the look.
        counts: those of its tiles, as far as they are kept. Which cars of several frames count is not known.
    """
    west, south, east, north = site.polygon.bounds
    sun = sun_position(look.observed_at, (west + east) / 2, (south + north) / 2)
    cars = sum(len(track.cars) for count in counts for track in count.result.tracks)
    return Found(
        count=look.count,
        low=look.low,
        high=look.high,
        cars=cars if counts and not look.frames and look.count is not None else None,
        conditions=conditions_of(counts, sun.elevation_deg),
        counts=tuple(sorted(count.id for count in counts)),
    )


def _check_reach(by: Holder, site: str) -> None:
    if not by.reaches(site):
        raise NotAdmittedError(403, f"The token is not valid for the site {site!r}.", "site-not-allowed")
