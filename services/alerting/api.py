"""The HTTP API of alerting: sites, their observations, and alerts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response

from railwatch.services.alerting.acknowledgements import Act, acknowledge, silence
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.pages.ground_routes import FOREVER, PICTURES
from railwatch.services.alerting.pages.policy import BaseMap
from railwatch.services.alerting.pages.routes import add_pages
from railwatch.services.alerting.products.answers import OTHER_FORMS, Asked, OnlySite
from railwatch.services.alerting.products.catalogue import Products
from railwatch.services.alerting.products.columns import Product
from railwatch.services.alerting.products.ogc import ogc_router
from railwatch.services.alerting.products.routes import looks_router
from railwatch.services.alerting.products.rows import Row
from railwatch.services.alerting.scenes import scenes_router
from railwatch.services.alerting.settings import AlertingSettings
from railwatch.services.alerting.sites import sites_router
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdict_routes import verdicts_router
from railwatch.services.alerting.verdicts.corrected import judged_alerts
from railwatch.services.alerting.views import (
    Acknowledgement,
    AlertDetail,
    AlertPage,
    AlertState,
    AlertView,
    Silence,
    TransitionView,
)
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import EVERYONE, actor, admitted, check_reach, me_router, readers
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import NotPublishedError, NotStandingError, UnprocessableError
from railwatch.shared.events import AlertEvent
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import body_schema, json_body, service_app
from railwatch.shared.sites import Site

LONGEST_SILENCE = timedelta(days=90)


def make_app(
    store: Store,
    sites: Mapping[str, Site],
    blobs: BlobStore,
    tokens: Tokens,
    progress: Progress,
    ready: Mapping[str, Callable[[], bool]],
    reader: Callable[..., Holder] | None = None,
    publish: Callable[[str], None] = lambda _: None,
    alerting: AlertingSettings = AlertingSettings(),  # noqa: B008
) -> FastAPI:
    """Alerting's HTTP API and pages. Everyone may read, unless `reader` says who may.

    What people do with alerts and looks of a site is published with `publish` before they are answered.
    """
    reader = reader or readers(tokens, everyone=True)
    app = service_app("Railwatch alerting", __doc__ or "")
    app.include_router(health_router("alerting", progress, ready))
    app.include_router(me_router(tokens))
    archive, span = Archive(blobs.objects), alerting.pass_span
    products = Products(store, sites, archive, span, alerting.public_url)
    app.include_router(sites_router(store, sites, products, reader))
    app.include_router(looks_router(products, reader))
    app.include_router(ogc_router(products, reader))
    app.include_router(scenes_router(store, sites, reader))
    app.include_router(alerts_router(store, blobs, products, reader))
    app.include_router(acknowledgements_router(store, tokens, publish))
    app.include_router(verdicts_router(store, products, sites, tokens, reader, publish))
    add_pages(app, products, blobs, reader, BaseMap(alerting.base_map, alerting.base_map_credit))
    return app


def alerts_router(store: Store, blobs: BlobStore, products: Products, reader: Callable[..., Holder]) -> APIRouter:
    """Alerts and their pictures."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]

    def views(rows: Sequence[Row]) -> list[dict[str, Any]]:
        judged_at = cache(lambda site: judged_alerts(store.verdicts(site)))
        events = store.latest_of([row.id for row in rows])
        found = (AlertView.of(event, judged_at(event.site).get(event.alert)) for event in events)
        return [view.model_dump(mode="json", by_alias=True) for view in found]

    @router.get("", summary="Alerts of all sites, or of one", response_model=AlertPage, responses=OTHER_FORMS)
    def list_alerts(asked: Asked, by: Reader, site: OnlySite = None, state: AlertState | None = None) -> Response:
        return asked.answer(products, Product.ALERTS, by, site=site, state=state, items=views)

    @router.get("/{alert}", summary="One alert")
    def get_alert(alert: str, by: Reader) -> AlertDetail:
        events = _known(store, alert, by)
        transitions = tuple(TransitionView.model_validate(event, from_attributes=True) for event in events)
        return AlertDetail(alert=_view(store, events[-1]), event=events[-1], transitions=transitions)

    @router.get("/{alert}/pictures/{sha256}", summary="A picture behind an alert", response_class=Response)
    def get_picture(request: Request, alert: str, sha256: str, by: Reader) -> Response:
        ref = _picture(_known(store, alert, by), sha256)
        if ref is None:
            raise HTTPException(404, f"The alert has no picture {sha256!r}.")
        headers = {"Cache-Control": FOREVER, "ETag": f'"{sha256}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        try:
            data = blobs.get(ref)
        except UnprocessableError as error:
            raise HTTPException(404, f"The picture is gone: {error.detail}") from None
        return Response(data, media_type=ref.media_type, headers=headers)

    return router


def acknowledgements_router(store: Store, tokens: Tokens, publish: Callable[[str], None]) -> APIRouter:
    """What people do with alerts that stand."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    def published(act: Callable[[], AlertEvent]) -> AlertView:
        try:
            after = act()
        except NotStandingError as error:
            raise HTTPException(409, str(error)) from None
        publish(after.site)
        if after not in store.alert(after.alert):
            raise NotPublishedError("The state was lost in between, and the act with it; do it again.")
        return _view(store, after)

    @router.post(
        "/{alert}/acknowledge",
        summary="Acknowledge an alert: somebody takes care of it",
        openapi_extra=body_schema(Acknowledgement),
    )
    def post_acknowledgement(
        alert: str,
        holder: Annotated[Holder, Depends(admitted(tokens, Scope.ACKNOWLEDGE))],
        body: Annotated[Acknowledgement, Depends(json_body(Acknowledgement))],
    ) -> AlertView:
        event = _to_act_on(store, alert, holder)
        return published(lambda: acknowledge(store, event, _act(body, holder)))

    @router.post(
        "/{alert}/silence",
        summary="Send receivers nothing about an alert until a time",
        openapi_extra=body_schema(Silence),
    )
    def post_silence(
        alert: str,
        holder: Annotated[Holder, Depends(admitted(tokens, Scope.OPERATE))],
        body: Annotated[Silence, Depends(json_body(Silence))],
    ) -> AlertView:
        event, now = _to_act_on(store, alert, holder), datetime.now(UTC)
        if not now < body.until <= now + LONGEST_SILENCE:
            raise HTTPException(422, f"`until` must be in the future, by no more than {LONGEST_SILENCE.days} days.")
        return published(lambda: silence(store, event, _act(body, holder), body.until))

    return router


def _known(store: Store, alert: str, by: Holder) -> list[AlertEvent]:
    events = store.alert(alert)
    if not events or not by.reaches(events[-1].site):
        raise HTTPException(404, f"There is no alert {alert!r}.")
    return events


def _view(store: Store, event: AlertEvent) -> AlertView:
    return AlertView.of(event, judged_alerts(store.verdicts(event.site)).get(event.alert))


def _to_act_on(store: Store, alert: str, by: Holder) -> AlertEvent:
    event = _known(store, alert, EVERYONE)[-1]
    check_reach(by, event.site)
    return event


def _act(body: Acknowledgement, by: Holder) -> Act:
    return Act(by=actor(by, body.by), note=body.note, sender=by.name, at=datetime.now(UTC), admission=by.admission)


def _picture(events: list[AlertEvent], sha256: str) -> BlobRef | None:
    pictures = (ref for event in events for item in event.evidence for ref in item.pictures.values())
    return next((ref for ref in pictures if ref.sha256 == sha256 and ref.media_type in PICTURES), None)
