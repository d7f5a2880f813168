"""Counts, looks and a site for tests of alerting."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.counts import BaselineRef, BlobRef, Car, Quality, TileCount, TrackCount
from railwatch.shared.events import (
    AlertEvent,
    CountEvent,
    JudgedLook,
    Miss,
    MissedLookEvent,
    Onset,
    Severity,
    Transition,
    derived_id,
)
from railwatch.shared.settings import BlobSettings
from railwatch.shared.sites import ContextEvent, Site, Track

DAY_0 = datetime(2023, 3, 1, 2, tzinfo=UTC)
RECORDED = datetime(2023, 12, 1, tzinfo=UTC)


def empty_archive() -> Archive:
    """An archive in memory."""
    return Archive.open(BlobSettings(url="memory://"))


def on_day(day: float) -> datetime:
    """The time of a look, in days after the first."""
    return DAY_0 + timedelta(days=day)


def small_site(site: str = "tumangang", tile_size_m: float = 3000.0) -> Site:
    """A yard of two tracks, 2 km long from west to east: one tile, or two with `tile_size_m=1100`."""
    return Site(
        id=site,
        name=site.capitalize(),
        area=((130.60, 42.415), (130.6243, 42.415), (130.6243, 42.417), (130.60, 42.417), (130.60, 42.415)),
        tracks=(
            Track(id="1", coordinates=((130.60, 42.4155), (130.6243, 42.4155))),
            Track(id="2", coordinates=((130.60, 42.4160), (130.6243, 42.4160))),
        ),
        car_lengths_m=(12.0, 20.0),
        events=(ContextEvent(title="Kim-Putin meeting", at=datetime(2023, 9, 13, tzinfo=UTC)),),
        tile_size_m=tile_size_m,
    )


def blob(seed: str, media_type: str = "image/png") -> BlobRef:
    """A reference to a blob that nobody stored."""
    sha256 = derived_id(seed) + derived_id(seed, "more")
    return BlobRef(path=f"sha256/{sha256[:2]}/{sha256[2:]}", sha256=sha256, size_bytes=100, media_type=media_type)


def count_event(
    day: float,
    count: float | None,
    *,
    spread: float = 2.0,
    site: str = "tumangang",
    tile: str = "r0c0",
    tiles: Sequence[str] = ("r0c0",),
    scene: str | None = None,
    coverage: float = 1.0,
    reasons: Sequence[str] = (),
    tracks: Sequence[TrackCount] = (),
    sensor: str | None = None,
    algorithm: str = "railwatch 1",
    recorded_at: datetime = RECORDED,
) -> CountEvent:
    """The count of a tile; a scene a day, unless the scene is named."""
    scene = scene or f"scene-{day:g}"
    return CountEvent(
        recorded_at=recorded_at,
        site=site,
        tile=tile,
        scene=scene,
        tiles_in_scene=tuple(tiles),
        observed_at=on_day(day),
        sensor=sensor,
        result=TileCount(
            count=count,
            low=None if count is None else max(0.0, count - spread),
            high=None if count is None else count + spread,
            coverage=coverage,
            quality=Quality.REJECTED if count is None else Quality.OK,
            reasons=tuple(reasons),
            tracks=tuple(tracks),
            algorithm=algorithm,
        ),
        image=blob(f"{scene}/{tile}", "image/tiff"),
        baseline=BaselineRef(
            id="baseline-1",
            version=1,
            image=blob("baseline", "image/tiff"),
            observed_at=DAY_0 - timedelta(days=10),
            scene="scene-before",
            origin="operator",
        ),
        evidence={name: blob(f"{scene}/{tile}/{name}") for name in ("baseline", "tile", "difference", "cars")},
    )


def frame_event(
    day: float,
    shown_m: tuple[float, float],
    cars_m: Sequence[float] = (),
    *,
    minute: float = 0.0,
    off_m: float = 0.0,
    **fields: Any,
) -> CountEvent:
    """The count of a frame that shows a stretch of both tracks of the small site, 2 km each.

    Args:
        day: the day of the pass.
        shown_m: the stretch, metres from the tracks' beginnings.
        cars_m: where all cars of the site stand, on track 1. The frame shows those whose centre lies in the stretch.
        minute: when the frame was taken, in minutes after the first of the pass.
        off_m: how far the frame sees all of them from where they stand.
        fields: as for `count_event`.
    """
    first, last = shown_m
    cars = [at for at in cars_m if first <= at < last]
    tracks = [
        TrackCount(
            track=track,
            count=len(here),
            low=len(here),
            high=len(here),
            length_m=last - first,
            occupied_m=14.0 * len(here),
            seen_m=(shown_m,),
            cars=tuple(Car(lon=130.6, lat=42.4, length_m=14.0, probability=1, along_m=at + off_m) for at in here),
        )
        for track, here in (("1", cars), ("2", []))
    ]
    named = {"scene": f"frame-{day:g}-{first:g}", "sensor": "skysat-c3", "reasons": ("partly-outside",)}
    values = {**named, "coverage": (last - first) / 2000, "tracks": tracks, **fields}
    return count_event(day + minute / 1440, float(len(cars)), **values)


def judged(
    day: float,
    count: float | None,
    *,
    state: State = State.NORMAL,
    transition: Transition | None = None,
    opened_day: float | None = None,
    onset_day: float | None = None,
    threshold: float | None = 20.0,
) -> Judgement:
    """A look of a history, judged as one likes."""
    onset = None
    if onset_day is not None:
        onset = Onset(at=on_day(onset_day), low=on_day(onset_day - 2), high=on_day(onset_day + 2))
    return Judgement(
        scene=f"scene-{day:g}",
        observed_at=on_day(day),
        count=count,
        low=None if count is None else max(0.0, count - 2),
        high=None if count is None else count + 2,
        coverage=0.0 if count is None else 1.0,
        expected=None if threshold is None else threshold / 2,
        threshold=threshold,
        p_value=0.5,
        exceeds=count is not None and threshold is not None and count > threshold,
        state=state,
        transition=transition,
        reason=f"because of {count}" if transition else "",
        opened_at=None if opened_day is None else on_day(opened_day),
        onset=onset,
    )


def alert_event(
    transition: Transition = Transition.OPENED,
    *,
    sequence: int = 1,
    severity: Severity = Severity.WARNING,
    recorded_at: datetime = RECORDED,
    alert: str = "0123456789abcdef0123456789abcdef",
    site: str = "tumangang",
) -> AlertEvent:
    """A transition of an alert."""
    return AlertEvent(
        recorded_at=recorded_at,
        alert=alert,
        sequence=sequence,
        transition=transition,
        reason="The count is above its bound.",
        site=site,
        site_name=site.capitalize(),
        opened_at=on_day(205),
        look=JudgedLook(
            observed_at=on_day(205),
            count=25.0,
            low=22.0,
            high=28.0,
            coverage=0.97,
            expected=9.5,
            threshold=19.8,
            p_value=0.0004,
        ),
        severity=severity,
        onset=Onset(at=on_day(201), low=on_day(199), high=on_day(203)),
        sentence="Tumangang: 25 railcars (22 to 28) on 22 September 2023, where at most 19 were expected.",
        page_url=f"http://railwatch.example/alerts/{alert}",
    )


def missed_look(
    transition: Literal[Transition.OPENED, Transition.RESOLVED] = Transition.OPENED,
    *,
    sequence: int = 1,
    recorded_at: datetime = RECORDED,
) -> MissedLookEvent:
    """A transition of a missed look."""
    return MissedLookEvent(
        recorded_at=recorded_at,
        sequence=sequence,
        transition=transition,
        reason="None came within the time that the site's own history promises.",
        site="tumangang",
        site_name="Tumangang",
        sentence="Tumangang: a look at the site was due by 22 September 2023; the last was on 16 September 2023.",
        page_url="https://railwatch.example/",
        missed="fedcba9876543210fedcba9876543210",
        miss=Miss.LOOK,
        due_at=on_day(205),
        last_at=on_day(199),
        seen_at=on_day(210) if transition is Transition.RESOLVED else None,
    )


def write_site(directory: Path) -> Path:
    """The files of the small site, as an operator writes them."""
    site = small_site()
    tracks = [
        {
            "type": "Feature",
            "properties": {"track": track.id},
            "geometry": {"type": "LineString", "coordinates": track.coordinates},
        }
        for track in site.tracks
    ]
    directory.mkdir()
    (directory / "tracks.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": tracks}))
    (directory / "tumangang.yaml").write_text(
        "id: tumangang\nname: Tumangang\ntracks: tracks.geojson\ncar_lengths_m: [12, 20]\ntile_size_m: 3000\n"
        "events:\n  - {title: Kim-Putin meeting, at: 2023-09-13}\n"
    )
    return directory
