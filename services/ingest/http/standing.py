"""`GET /v1/scenes/{scene}`: where a scene stands, from its arrival to the judgement of its look."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import httpx
import structlog
from fastapi import APIRouter, Depends, HTTPException

from railwatch.services.ingest.scenes.receipts import SiteReceipt, TileReceipt
from railwatch.services.ingest.scenes.standings import Standing, Standings
from railwatch.services.ingest.settings import IngestSettings
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import TileRole

# Seconds that alerting has to answer.
ANSWER_S = 5.0

State = Literal["taken", "counted", "judged", "refused"]

log = structlog.get_logger()


class SiteStanding(Frozen):
    """Where a scene stands at one site.

    Attributes:
        site: the site.
        scene: the scene's id in events. It differs from what was asked for if that id had another acquisition already.
        tiles: the tiles that were published.
        state: taken, counted, or judged.
        at_alerting: what alerting says of it; null if none of its tiles is counted yet, if alerting was not asked, or
            if the token may not read it.
        links: addresses at alerting, by what is there.
    """

    site: str
    scene: str
    tiles: tuple[TileReceipt, ...]
    state: State
    at_alerting: dict[str, Any] | None
    links: dict[str, str]


class SceneStanding(Frozen):
    """Where a scene stands.

    Attributes:
        scene: its id.
        state: refused; or how far all of its sites are: taken, counted, judged. A baseline stays `taken`.
        recorded_at: when ingest took or refused it.
        observed_at: when the satellite saw it; null if it was refused.
        role: an observation, or a baseline; null if it was refused.
        sites: every site that it shows.
        reason: why it was refused, a stable word.
        detail: the same as a sentence.
        remarks: what limits this answer.
    """

    scene: str
    state: State
    recorded_at: UtcDatetime
    observed_at: UtcDatetime | None = None
    role: TileRole | None = None
    sites: tuple[SiteStanding, ...] = ()
    reason: str | None = None
    detail: str | None = None
    remarks: tuple[str, ...] = ()


class Alerting:
    """Alerting's HTTP API, as far as a scene's standing needs it."""

    def __init__(self, settings: IngestSettings) -> None:
        self._url = settings.alerting_url.rstrip("/") if settings.alerting_url else None
        token = settings.alerting_token
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}

    @property
    def known(self) -> bool:
        """Whether the settings say where it is."""
        return self._url is not None

    def may_read(self, sender: Holder) -> bool:
        """Whether a sender may read what it says: everyone, unless reading it needs a token."""
        return not self._headers or Scope.READ in sender.scopes

    def scene(self, site: str, scene: str) -> dict[str, Any] | None:
        """What it says of a scene at a site; null if it knows nothing of it.

        Raises:
            httpx.HTTPError: it does not answer, or not as it should.
        """
        path = f"/v1/sites/{quote(site, safe='')}/scenes/{quote(scene, safe='')}"
        answer = httpx.get(f"{self._url}{path}", headers=self._headers, timeout=ANSWER_S)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def standing_router(standings: Standings, alerting: Alerting, tokens: Tokens) -> APIRouter:
    """The route that tells where a scene stands."""
    router = APIRouter(tags=["scenes"])

    @router.get("/v1/scenes/{scene}", summary="Where a scene stands")
    def get_standing(
        scene: str, sender: Annotated[Holder, Depends(admitted(tokens, Scope.PUSH, Scope.BASELINE, Scope.READ))]
    ) -> SceneStanding:
        """Taken, counted, judged or refused, with the count and with links. A refused file is found under its name."""
        standing = standings.of(scene)
        if standing is None or not _may_see(standing, sender):
            raise HTTPException(404, f"No scene {scene!r} has come in, or it was too long ago.")
        receipt = standing.receipt
        if receipt is None:
            return SceneStanding(
                scene=scene,
                state="refused",
                recorded_at=standing.recorded_at,
                reason=standing.reason,
                detail=standing.detail,
            )
        receipts = [site for site in receipt.sites if sender.reaches(site.site)]
        remarks: list[str] = []
        found: Mapping[str, dict[str, Any] | None] = {}
        if receipt.role is TileRole.OBSERVATION:
            found, remarks = _asked(alerting, scene, receipts)
        may_read = alerting.may_read(sender)
        sites = tuple(_of_site(scene, site, found.get(site.site), may_read) for site in receipts)
        ranks: tuple[State, ...] = ("taken", "counted", "judged")
        return SceneStanding(
            scene=scene,
            state=min((site.state for site in sites), key=ranks.index),
            recorded_at=standing.recorded_at,
            observed_at=receipt.observed_at,
            role=receipt.role,
            sites=sites,
            remarks=tuple(remarks),
        )

    return router


def _may_see(standing: Standing, sender: Holder) -> bool:
    """A token for some sites sees their scenes, and no refusals: a refused scene is of no site."""
    if standing.receipt is None:
        return sender.sites is None
    return any(sender.reaches(site.site) for site in standing.receipt.sites)


def _asked(
    alerting: Alerting, scene: str, receipts: list[SiteReceipt]
) -> tuple[dict[str, dict[str, Any] | None], list[str]]:
    if not alerting.known:
        return {}, ["RAILWATCH_INGEST_ALERTING_URL is not set, so ingest cannot say what was counted and judged."]
    try:
        return {site.site: alerting.scene(site.site, site.scene or scene) for site in receipts}, []
    except httpx.HTTPError as error:
        log.warning("alerting does not say where a scene stands", detail=type(error).__name__)
        return {}, ["Alerting does not answer now, so ingest cannot say what was counted and judged."]


def _of_site(scene: str, receipt: SiteReceipt, found: dict[str, Any] | None, may_read: bool) -> SiteStanding:
    state: State = "taken"
    links: dict[str, str] = {}
    if found is not None:
        state = "judged" if found.get("judgement") else "taken" if found.get("awaited") else "counted"
        links["observations"] = f"/v1/sites/{receipt.site}/observations"
        if found.get("alert_url"):
            links["alert"] = found["alert_url"]
    return SiteStanding(
        site=receipt.site,
        scene=receipt.scene or scene,
        tiles=receipt.tiles,
        state=state,
        at_alerting=found if may_read else None,
        links=links,
    )
