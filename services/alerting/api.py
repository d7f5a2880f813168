"""The HTTP API of alerting: sites, their observations, and alerts. Reading needs no token."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import AwareDatetime, SecretStr

from railwatch.services.alerting.acknowledgements import acknowledge, silence
from railwatch.services.alerting.pages.routes import add_pages
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.views import (
    Acknowledgement,
    AlertDetail,
    AlertPage,
    AlertState,
    AlertView,
    ObservationPage,
    Silence,
    SitePage,
    SiteView,
    TransitionView,
)
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import NotStandingError, UnprocessableError
from railwatch.shared.events import AlertEvent
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import PROBLEM_RESPONSES, answer_with_problems, bearer_check, body_schema, json_body
from railwatch.shared.sites import Site

# Media types of pictures that are served.
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})

LONGEST_SILENCE = timedelta(days=90)

# A picture's address holds its checksum, so it never changes.
FOREVER = "public, max-age=31536000, immutable"

Limit = Annotated[int, Query(ge=1, le=500, description="Largest number of items.")]
After = Annotated[str | None, Query(description="The last item of the page before. `next` contains it.")]
From = Annotated[AwareDatetime | None, Query(alias="from", description="Not before this time, RFC 3339.")]
To = Annotated[AwareDatetime | None, Query(description="Before this time, RFC 3339.")]


def make_app(
    store: Store,
    sites: Mapping[str, Site],
    blobs: BlobStore,
    tokens: Sequence[SecretStr],
    progress: Progress,
    ready: Mapping[str, Callable[[], bool]],
) -> FastAPI:
    """Alerting's HTTP API and pages. The tokens are those of people who may acknowledge and silence."""
    app = FastAPI(title="Railwatch alerting", version="1", description=__doc__ or "", responses=PROBLEM_RESPONSES)
    answer_with_problems(app)
    app.include_router(health_router("alerting", progress, ready))
    app.include_router(sites_router(store, sites))
    app.include_router(alerts_router(store, blobs))
    app.include_router(acknowledgements_router(store, tokens))
    add_pages(app, store, sites)
    return app


def sites_router(store: Store, sites: Mapping[str, Site]) -> APIRouter:
    """Sites and their observations."""
    router = APIRouter(prefix="/v1/sites", tags=["sites"])

    def known(site: str) -> Site:
        if site not in sites:
            raise HTTPException(404, f"There is no site {site!r}.")
        return sites[site]

    @router.get("", summary="All sites")
    def list_sites(request: Request, limit: Limit = 100, after: After = None) -> SitePage:
        statuses, missed = store.statuses(), store.missed()
        ids = [site for site in sorted(sites) if after is None or site > after]
        items = tuple(SiteView.of(sites[id_], statuses.get(id_), missed.get(id_, ())) for id_ in ids[:limit])
        return SitePage(items=items, next=_next(request, items[-1].id if len(ids) > limit else None))

    @router.get("/{site}", summary="One site")
    def get_site(site: str) -> SiteView:
        return SiteView.of(known(site), store.status(site), store.missed_at(site))

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
        return ObservationPage(items=items, left_out=left_out, next=_next(request, last))

    return router


def alerts_router(store: Store, blobs: BlobStore) -> APIRouter:
    """Alerts and their pictures."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

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
        ids = store.alerts(site, from_, to)
        if after is not None:
            if after not in ids:
                raise HTTPException(404, f"There is no alert {after!r} to go on after.")
            ids = ids[ids.index(after) + 1 :]
        views = (AlertView.of(event) for event in store.latest_of(ids))
        found = list(islice((view for view in views if state in (None, view.state)), limit + 1))
        items = tuple(found[:limit])
        return AlertPage(items=items, next=_next(request, items[-1].alert if len(found) > limit else None))

    @router.get("/{alert}", summary="One alert")
    def get_alert(alert: str) -> AlertDetail:
        events = _known(store, alert)
        transitions = tuple(TransitionView.model_validate(event, from_attributes=True) for event in events)
        return AlertDetail(alert=AlertView.of(events[-1]), event=events[-1], transitions=transitions)

    @router.get("/{alert}/pictures/{sha256}", summary="A picture behind an alert", response_class=Response)
    def get_picture(request: Request, alert: str, sha256: str) -> Response:
        ref = _picture(_known(store, alert), sha256)
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


def acknowledgements_router(store: Store, tokens: Sequence[SecretStr]) -> APIRouter:
    """What people do with alerts that stand."""
    check = bearer_check(tokens, "RAILWATCH_ALERTING_TOKENS")
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"], dependencies=[Depends(check)])

    @router.post(
        "/{alert}/acknowledge",
        summary="Acknowledge an alert: somebody takes care of it",
        openapi_extra=body_schema(Acknowledgement),
    )
    def post_acknowledgement(
        alert: str, body: Annotated[Acknowledgement, Depends(json_body(Acknowledgement))]
    ) -> AlertView:
        event = _known(store, alert)[-1]
        try:
            return AlertView.of(acknowledge(store, event, body.by, body.note, datetime.now(UTC)))
        except NotStandingError as error:
            raise HTTPException(409, str(error)) from None

    @router.post(
        "/{alert}/silence",
        summary="Send receivers nothing about an alert until a time",
        openapi_extra=body_schema(Silence),
    )
    def post_silence(alert: str, body: Annotated[Silence, Depends(json_body(Silence))]) -> AlertView:
        event, now = _known(store, alert)[-1], datetime.now(UTC)
        if not now < body.until <= now + LONGEST_SILENCE:
            raise HTTPException(422, f"`until` must be in the future, by no more than {LONGEST_SILENCE.days} days.")
        try:
            return AlertView.of(silence(store, event, body.by, body.note, body.until, now))
        except NotStandingError as error:
            raise HTTPException(409, str(error)) from None

    return router


def _known(store: Store, alert: str) -> list[AlertEvent]:
    events = store.alert(alert)
    if not events:
        raise HTTPException(404, f"There is no alert {alert!r}.")
    return events


def _picture(events: list[AlertEvent], sha256: str) -> BlobRef | None:
    pictures = (ref for event in events for item in event.evidence for ref in item.pictures.values())
    return next((ref for ref in pictures if ref.sha256 == sha256 and ref.media_type in PICTURES), None)


def _next(request: Request, last: str | None) -> str | None:
    if last is None:
        return None
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    return f"{request.url.path}?{urlencode([*query, ('after', last)])}"
