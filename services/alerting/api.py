"""The HTTP API of alerting: sites, their observations, and alerts. Reading needs no token."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from pydantic import AwareDatetime

from services.alerting.history import Entry
from services.alerting.judgement import State
from services.alerting.lifecycle import STANDING
from services.alerting.pages.routes import add_pages
from services.alerting.siteview import SiteStatus
from services.alerting.windows import Windows
from shared.blobs import BlobStore
from shared.counts import BlobRef, Frozen, UtcDatetime
from shared.errors import UnprocessableError
from shared.events import AlertEvent, Look, Onset, Severity, Transition
from shared.health import Progress, health_router
from shared.http import answer_with_problems
from shared.sites import Site

PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
FOREVER = "public, max-age=31536000, immutable"

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]
After = Annotated[str | None, Query(description="The last item of the page before; `next` has it filled in.")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="Not before this time, RFC 3339.")]
To = Annotated[AwareDatetime | None, Query(description="Before this time, RFC 3339.")]
AlertState = Literal["standing", "resolved", "retracted"]


class SiteView(Frozen):
    """A site and how it stands; the status is null for a site that has not been seen."""

    id: str
    name: str
    status: SiteStatus | None


class Observation(Look):
    """A look of a site's history, as it was judged."""

    scene: str
    state: State
    exceeds: bool
    sustained: bool
    archival: bool
    missing_tiles: tuple[str, ...]


class AlertView(Frozen):
    """An alert as it stands after its last transition."""

    alert: str
    state: AlertState
    site: str
    site_name: str
    severity: Severity
    opened_at: UtcDatetime
    recorded_at: UtcDatetime
    onset: Onset | None
    look: Look
    sentence: str
    page_url: str


class TransitionView(Frozen):
    """A step in an alert's life."""

    id: str
    sequence: int
    transition: Transition
    reason: str
    recorded_at: UtcDatetime
    look: Look


class AlertDetail(Frozen):
    """An alert: how it stands, its last event whole, and the steps that led there, the last 40 of them."""

    alert: AlertView
    event: AlertEvent
    transitions: tuple[TransitionView, ...]


class Page(Frozen):
    """`next` is the address of the next page; null on the last."""

    next: str | None


class SitePage(Page):
    """Sites by id."""

    items: tuple[SiteView, ...]


class ObservationPage(Page):
    """Observations, newest first."""

    items: tuple[Observation, ...]


class AlertPage(Page):
    """Alerts, last opened first."""

    items: tuple[AlertView, ...]


def make_app(
    windows: Windows,
    sites: Mapping[str, Site],
    blobs: BlobStore,
    progress: Progress,
    ready: Mapping[str, Callable[[], bool]],
) -> FastAPI:
    """The whole of alerting's HTTP."""
    app = FastAPI(title="Railwatch alerting", version="1", description=__doc__ or "")
    answer_with_problems(app)
    app.include_router(health_router(progress, ready))
    app.include_router(sites_router(windows, sites))
    app.include_router(alerts_router(windows, blobs))
    add_pages(app, windows, sites)
    return app


def sites_router(windows: Windows, sites: Mapping[str, Site]) -> APIRouter:
    """Sites and their observations."""
    router = APIRouter(prefix="/v1/sites", tags=["sites"])

    def known(site: str) -> Site:
        if site not in sites:
            raise HTTPException(404, f"There is no site {site!r}.")
        return sites[site]

    @router.get("", summary="All sites")
    def list_sites(request: Request, limit: Limit = 100, after: After = None) -> SitePage:
        statuses = windows.statuses()
        ids = [site for site in sorted(sites) if after is None or site > after]
        items = tuple(SiteView(id=id_, name=sites[id_].name, status=statuses.get(id_)) for id_ in ids[:limit])
        return SitePage(items=items, next=_next(request, items[-1].id if len(ids) > limit else None))

    @router.get("/{site}", summary="One site")
    def get_site(site: str) -> SiteView:
        return SiteView(id=site, name=known(site).name, status=windows.statuses().get(site))

    @router.get("/{site}/observations", summary="A site's observations")
    def list_observations(
        request: Request,
        site: str,
        limit: Limit = 100,
        after: Annotated[AwareDatetime | None, Query(description="`observed_at` of the last item before.")] = None,
        from_: From = None,
        to: To = None,
    ) -> ObservationPage:
        known(site)
        before = min((at for at in (after, to) if at), default=datetime.max.replace(tzinfo=UTC))
        found = [
            entry
            for entry in reversed(windows.window(site).history.entries)
            if entry.judgement.observed_at < before and (from_ is None or entry.judgement.observed_at >= from_)
        ]
        items = tuple(_observation(entry) for entry in found[:limit])
        last = items[-1].observed_at.isoformat() if len(found) > limit else None
        return ObservationPage(items=items, next=_next(request, last))

    return router


def alerts_router(windows: Windows, blobs: BlobStore) -> APIRouter:
    """Alerts and their pictures."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    def known(alert: str) -> list[AlertEvent]:
        events = windows.alert(alert)
        if not events:
            raise HTTPException(404, f"There is no alert {alert!r}.")
        return events

    @router.get("", summary="Alerts of all sites, or of one")
    def list_alerts(
        request: Request,
        site: str | None = None,
        state: AlertState | None = None,
        from_: From = None,
        to: To = None,
        limit: Limit = 100,
        after: After = None,
    ) -> AlertPage:
        ids = windows.alerts(site)
        if after is not None:
            if after not in ids:
                raise HTTPException(404, f"There is no alert {after!r} to go on after.")
            ids = ids[ids.index(after) + 1 :]
        found = [
            view
            for view in map(alert_view, windows.latest(ids))
            if (state is None or view.state == state)
            and (from_ is None or view.opened_at >= from_)
            and (to is None or view.opened_at < to)
        ]
        items = tuple(found[:limit])
        return AlertPage(items=items, next=_next(request, items[-1].alert if len(found) > limit else None))

    @router.get("/{alert}", summary="One alert")
    def get_alert(alert: str) -> AlertDetail:
        events = known(alert)
        steps = tuple(
            TransitionView(**{name: getattr(event, name) for name in TransitionView.model_fields}) for event in events
        )
        return AlertDetail(alert=alert_view(events[-1]), event=events[-1], transitions=steps)

    @router.get("/{alert}/pictures/{sha256}", summary="A picture behind an alert", response_class=Response)
    def get_picture(request: Request, alert: str, sha256: str) -> Response:
        ref = _picture(known(alert), sha256)
        if ref is None:
            raise HTTPException(404, f"The alert has no picture {sha256!r}.")
        headers = {"Cache-Control": FOREVER, "ETag": f'"{sha256}"', "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        try:
            data = blobs.get(ref)
        except UnprocessableError as error:
            raise HTTPException(404, f"The picture is gone: {error.detail}") from None
        return Response(data, media_type=ref.media_type, headers=headers)

    return router


def alert_view(event: AlertEvent) -> AlertView:
    """How an alert stands after its last event."""
    stands = event.transition in STANDING
    return AlertView(
        state="standing" if stands else "retracted" if event.transition is Transition.RETRACTED else "resolved",
        **{name: getattr(event, name) for name in AlertView.model_fields if name != "state"},
    )


def _observation(entry: Entry) -> Observation:
    look = entry.judgement
    return Observation(
        scene=entry.scene,
        archival=entry.archival,
        missing_tiles=entry.missing_tiles,
        **{name: getattr(look, name) for name in (*Look.model_fields, "state", "exceeds", "sustained")},
    )


def _picture(events: list[AlertEvent], sha256: str) -> BlobRef | None:
    pictures = (ref for event in events for item in event.evidence for ref in item.pictures.values())
    return next((ref for ref in pictures if ref.sha256 == sha256 and ref.media_type in PICTURES), None)


def _next(request: Request, last: str | None) -> str | None:
    if last is None:
        return None
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*query, ('after', last)])}"
