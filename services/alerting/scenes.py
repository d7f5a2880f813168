"""The HTTP API of alerting, one scene at one site: which of its tiles are counted, and what was found in its look."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException

from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Holder
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Look
from railwatch.shared.sites import Site


class SceneView(Frozen):
    """How a scene stands at a site.

    Attributes:
        site: the site.
        scene: the scene's id in events.
        counted: what was counted on each tile so far.
        awaited: tiles that are not counted yet.
        judged_by: by when its look is judged if nothing more of it comes; null once it is judged.
        judgement: the look that the scene is a part of, and what was found in it; null until it is judged.
        alert: the alert that this look belongs to; null if there is none.
        alert_url: that alert's page.
    """

    site: str
    scene: str
    counted: dict[str, Look]
    awaited: tuple[str, ...]
    judged_by: UtcDatetime | None
    judgement: Judgement | None
    alert: str | None
    alert_url: str | None


def scenes_router(store: Store, sites: Mapping[str, Site], reader: Callable[..., Holder]) -> APIRouter:
    """One scene at one site."""
    router = APIRouter(prefix="/v1/sites", tags=["sites"])
    Reader: TypeAlias = Annotated[Holder, Depends(reader)]

    @router.get("/{site}/scenes/{scene}", summary="One scene at one site: counted, judged")
    def get_scene(site: str, scene: str, by: Reader) -> SceneView:
        if site not in sites or not by.reaches(site):
            raise HTTPException(404, f"There is no site {site!r}.")
        known = store.transact(site, lambda transaction: transaction.scene(scene))
        if known is None:
            raise HTTPException(404, f"No tile of the scene {scene!r} was counted at the site {site!r} so far.")
        record = store.record(site)
        judgement = next((look for look in reversed(record.history.judgements) if scene in look.scenes), None)
        opened_at = judgement.opened_at if judgement else None
        alert = next((alert.alert for alert in record.alerts if opened_at and alert.opened_at == opened_at), None)
        events = store.alert(alert) if alert else []
        expected = {tile for reading in known.readings.values() for tile in reading.tiles_in_scene}
        return SceneView(
            site=site,
            scene=scene,
            counted={tile: Look.model_validate(dict(known.readings[tile])) for tile in sorted(known.readings)},
            awaited=tuple(sorted(expected - known.readings.keys())),
            judged_by=known.due_at,
            judgement=judgement,
            alert=alert,
            alert_url=events[-1].page_url if events else None,
        )

    return router
