"""A scene is checked, cut into its sites' tiles, stored, published and claimed, or refused with a dead letter."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Semaphore

import structlog

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.arrival import Arrival, content_of
from railwatch.services.ingest.scenes.blocks import blocks_of
from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.covering import Covered, cover
from railwatch.services.ingest.scenes.metadata import SceneMetadata
from railwatch.services.ingest.scenes.permission import OTHER_SITES, check_role, within_reach
from railwatch.services.ingest.scenes.pictures import Pictures
from railwatch.services.ingest.scenes.receipts import Receipt, SiteReceipt
from railwatch.services.ingest.scenes.remote import File, RemoteFile, telling_why
from railwatch.services.ingest.scenes.scaling import scaling_of_scene
from railwatch.services.ingest.scenes.scene import Scene, open_scene
from railwatch.services.ingest.scenes.spool import Spool, too_large
from railwatch.services.ingest.scenes.standings import Standings
from railwatch.services.ingest.scenes.tiling import cutouts
from railwatch.services.ingest.scenes.times import check_daylight
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.access import Holder
from railwatch.shared.blobs import BlobStore
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import ActEvent, DeadLetter, TileRole
from railwatch.shared.events.acts import act_of_push
from railwatch.shared.masks import MaskFile, open_masks
from railwatch.shared.sites import Watched
from railwatch.shared.text import plain

# Scenes that are in work at the same time, from all sources. Others wait.
SCENES_AT_ONCE = 2
# Characters of a file's or an item's name that dead letters and logs keep.
MAX_SUBJECT = 200

log = structlog.get_logger()


@dataclass(frozen=True)
class Intake:
    """Takes scenes from all sources.

    Attributes:
        sites: the sites to cut tiles for.
        limits: what a scene may be.
        blobs: where tiles are stored.
        claims: which scenes were taken.
        publish: sends events, and returns when the broker has acknowledged them all.
        baselines_from: the sources whose scenes may be baselines. A sender's token decides for what is pushed.
        spool: where scenes lie on their way in.
        archival: whether it takes scenes from an archive, of which nobody is notified.
        at_work: held while a scene is cut, stored and published. Each takes a core, and a tile's pixels in memory.
    """

    sites: Watched
    limits: SceneSettings
    blobs: BlobStore
    claims: Claims
    publish: Callable[..., None]
    baselines_from: Collection[str] = ()
    spool: Spool = field(default_factory=lambda: Spool(SceneSettings().spool_bytes))
    archival: bool = False
    at_work: Semaphore = field(default_factory=lambda: Semaphore(SCENES_AT_ONCE))

    @property
    def standings(self) -> Standings:
        """What became of each scene."""
        return Standings(self.claims)

    @property
    def pictures(self) -> Pictures:
        """The last pictures of each cell."""
        return Pictures(self.claims)

    def take(
        self,
        file: File,
        metadata: SceneMetadata,
        source: str,
        masks: Sequence[MaskFile] = (),
        sender: Holder | None = None,
        its_turn: Callable[[], None] = lambda: None,
    ) -> Receipt:
        """Publishes the tiles of a scene.

        All tiles are cut and stored before the first event is published, so that a damaged scene is refused as a whole.

        Args:
            file: the scene. Of a file that lies elsewhere, only the windows over the sites are brought here.
            metadata: what its sender says about it.
            source: where it comes in.
            masks: its provider's masks. One that cannot be used is left out with a remark.
            sender: who pushed it; null if it comes from another source.
            its_turn: called when the scene has waited for others. What it raises ends the work.

        Raises:
            UnprocessableError: the scene is refused.
            TransientError: broker, store or Redis are away.
        """
        check_role(metadata.role, source, sender, self.baselines_from)
        size_bytes = file.size_bytes if isinstance(file, RemoteFile) else file.stat().st_size
        if size_bytes > self.limits.max_bytes and not isinstance(file, RemoteFile):
            raise too_large(self.limits.max_bytes)
        with self.at_work, metrics.INGEST_SECONDS.labels(source=source).time():
            its_turn()
            known = tuple(f"{content_of(mask.path)} {mask.meaning}" for mask in masks)
            content = content_of(file)
            name = metadata.scene or f"scene-{content[:16]}"
            arrival = Arrival(name, content, metadata, source, sender, known, self.archival)
            with telling_why(file, *(mask.path for mask in masks)) as check, open_scene(file, self.limits) as scene:
                receipt = self._publish(scene, arrival, masks, check)
        outcome = "published" if receipt.published else "known"
        metrics.SCENES.labels(source=source, outcome=outcome, reason="").inc()
        metrics.SCENE_BYTES.labels(source=source).observe(size_bytes)
        read_bytes = (each.brought_bytes for each in (file, *(m.path for m in masks)) if isinstance(each, RemoteFile))
        metrics.READ_BYTES.labels(source=source).inc(sum(read_bytes))
        log.info(f"scene {outcome}", scene=receipt.scene, source=source, tiles=receipt.published)
        for remark in receipt.remarks:
            log.warning("scene has a remark", scene=receipt.scene, source=source, remark=remark)
        return receipt

    def refuse(
        self, error: UnprocessableError, subject: str, content: str, source: str, sender: Holder | None = None
    ) -> None:
        """Publishes the dead letter of a scene that is refused. Its subject is cleaned and clipped.

        Args:
            error: why it is refused.
            subject: its name.
            content: an id of what is refused, so that two files of one name have a letter each.
            source: where it came in.
            sender: who pushed it; null if it came from another source.

        Raises:
            TransientError: the broker is away, and there is no dead letter yet.
        """
        subject = plain(subject, MAX_SUBJECT)
        self.publish(
            DeadLetter(
                recorded_at=datetime.now(UTC),
                service="ingest",
                reason=error.reason,
                detail=error.detail,
                subject=subject,
                content=content,
                sender=sender.name if sender else None,
            )
        )
        self.standings.refused(subject, error, datetime.now(UTC))
        metrics.SCENES.labels(source=source, outcome="rejected", reason=error.reason).inc()
        log.warning("scene rejected", subject=subject, source=source, reason=error.reason, detail=error.detail)

    def _publish(self, scene: Scene, arrival: Arrival, files: Sequence[MaskFile], check: Callable[[], None]) -> Receipt:
        touched = [(site, cutouts(scene, site)) for site in self.sites.touching(scene.footprint)]
        shown = [(site, parts) for site, parts in touched if parts]
        if not shown:
            raise self._shows_no_site(scene)
        covered = within_reach(shown, arrival.sender)
        if not self.limits.night:
            check_daylight(arrival.metadata.observed_at, scene.footprint)
        about_others = () if len(covered) == len(shown) else (OTHER_SITES,)
        receipts: list[SiteReceipt] = []
        new: list[Covered] = []
        windows = [part.window for _, parts in covered for part in parts]
        if isinstance(scene.file, RemoteFile):
            scene.file.bring(blocks_of(scene.dataset, windows))
        _, about_scaling = scaling_of_scene(scene.dataset, arrival.metadata.scaling)
        with open_masks(files, scene.dataset, scene.grid, windows) as masks:
            remarks = (*arrival.metadata.remarks, *masks.remarks, *about_scaling)
            for site, parts in covered:
                if receipt := self._known(arrival.claim(site, parts)):
                    receipts.append(receipt)
                elif found := cover(self.blobs, self.claims, scene, site, parts, arrival, masks, remarks):
                    new.append(found)
        check()
        if not receipts and not new:
            raise UnprocessableError(
                "no-valid-pixels", "Every pixel of the scene over a site is no-data; send a scene that shows the site."
            )
        events = [event for found in new for event in found.events]
        if events:
            self.publish(*events, *_acts(new, arrival))
            metrics.TILES_PUBLISHED.labels(source=arrival.source).inc(len(events))
        for event in events:
            log.info("tile published", event_id=event.id, site=event.site, tile=event.tile, scene=event.scene)
        self.pictures.published(events)
        for found in new:
            self.claims.put(found.claim, found.receipt.model_dump_json())
        about_scene = dict.fromkeys(found.remark for found in new if found.remark)
        answer = Receipt(
            scene=arrival.id,
            observed_at=arrival.metadata.observed_at,
            role=arrival.metadata.role,
            published=len(events),
            sites=tuple(sorted([*receipts, *(found.receipt for found in new)], key=lambda receipt: receipt.site)),
            remarks=(*remarks, *about_scene, *about_others),
        )
        self.standings.taken(answer, datetime.now(UTC))
        return answer

    def _known(self, claim: str) -> SiteReceipt | None:
        """What was published under a claim; null if the store has lost a tile, so that the scene is taken again."""
        note = self.claims.get(claim)
        if note is None:
            return None
        receipt = SiteReceipt.model_validate_json(note)
        return receipt if all(self.blobs.holds(tile.sha256) for tile in receipt.tiles) else None

    def _shows_no_site(self, scene: Scene) -> UnprocessableError:
        west, south, east, north = scene.footprint.bounds
        return UnprocessableError(
            "no-site-overlap",
            f"The scene shows longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}, "
            f"which holds no track of the {len(self.sites.sites)} sites; check its CRS and the sites' files.",
        )


def _acts(new: Sequence[Covered], arrival: Arrival) -> list[ActEvent]:
    """The records of what a sender did, by site: a baseline changes what later scenes are counted against."""
    sender = arrival.sender
    if sender is None or arrival.metadata.role is not TileRole.BASELINE:
        return []
    return [act_of_push(found.events, sender.name, sender.admission) for found in new]
