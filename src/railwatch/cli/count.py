"""`railwatch count`: the detector's own code on files, without any service."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from railwatch.cli.terminal import cell, complain
from railwatch.shared.clock import lies_ahead
from railwatch.shared.counts import RecallCheck, TileCount, TrackCount
from railwatch.shared.errors import RailwatchError, UnprocessableError
from railwatch.shared.sites import Track, load_tracks

if TYPE_CHECKING:
    from railwatch.services.detector.imagery.raster import Raster

# Metres. A track close to the tile belongs to a neighbouring tile. A track farther away than this is a mistake.
FAR_AWAY_M = 5000.0
# Metres over the buffers. No freight car is shorter.
SHORTEST_CAR_M = 8.0


@dataclass(frozen=True)
class _Job:
    """What to do with each tile."""

    baseline: "Raster | None"
    tracks: Sequence[Track]
    observed_at: datetime | None
    evidence: Path | None
    recall: bool
    masks: Sequence[Path]


@dataclass(frozen=True)
class _Done:
    """The result of one tile. `recall` is None if it was not asked for, or if no painted car had room."""

    path: Path
    count: TileCount
    recall: RecallCheck | None
    remarks: tuple[str, ...]


def count(
    tiles: Annotated[list[Path], typer.Argument(metavar="TILE...", help="GeoTIFFs that show the same place.")],
    tracks: Annotated[
        Path,
        typer.Option(
            help="GeoJSON with the tracks' centrelines as LineStrings. The property `track` is the name of each.",
            exists=True,
            dir_okay=False,
        ),
    ],
    baseline: Annotated[
        Path | None,
        typer.Option(
            help="GeoTIFF of the same place at another time. Without it each tile is counted alone, less surely.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    masks: Annotated[
        list[Path] | None,
        typer.Option(
            "--mask",
            help="The provider's own mask of the tile: a UDM2 or UDM, or a GeoTIFF that is named for clouds, or one in "
            "which 0 is no data. It may be given several times. Only with a single tile.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per tile, each on its own line.")
    ] = False,
    evidence: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pictures of what was counted into this folder.", file_okay=False),
    ] = None,
    recall: Annotated[
        bool,
        typer.Option(
            "--recall", help="Paint cars of known size into a copy of each tile and print how many are found."
        ),
    ] = False,
    observed_at: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            help="When the tile was taken, in UTC, such as 2023-10-05T02:14. It gives the sun's position, and so where "
            "shadows fall. Only with a single tile.",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M"],
        ),
    ] = None,
) -> None:
    """Count the railcars in GeoTIFFs, with a 90 % interval.

    No service is needed. Example: railwatch count now.tif --baseline before.tif --tracks tracks.geojson
    """
    if observed_at is not None and len(tiles) > 1:
        raise typer.BadParameter("a time belongs to one tile, and there are several", param_hint="--observed-at")
    if masks and len(tiles) > 1:
        raise typer.BadParameter("a mask belongs to one tile, and there are several", param_hint="--mask")
    taken_at = observed_at.replace(tzinfo=UTC) if observed_at else None
    if taken_at is not None and lies_ahead(taken_at, datetime.now(UTC)):
        raise typer.BadParameter("the time lies in the future", param_hint="--observed-at")
    job = _Job(
        baseline=_read(baseline) if baseline else None,
        tracks=_checked(load_tracks(tracks)),
        observed_at=taken_at,
        evidence=evidence,
        recall=recall,
        masks=masks or (),
    )
    done: list[_Done] = []
    for tile in _with_progress(tiles, hidden=as_json or len(tiles) == 1):
        try:
            result = _count(tile, _name(tile, tiles), job)
        except (RailwatchError, OSError) as error:
            complain(f"{tile}: {error.strerror if isinstance(error, OSError) and error.strerror else error}")
            continue
        done.append(result)
        for remark in result.remarks:
            complain(remark)
        if as_json:
            print(json.dumps(_as_json(result, job)), flush=True)  # noqa: T201
    if not as_json:
        _print_tables(done, recall)
    if len(done) < len(tiles):
        raise typer.Exit(1)


def _count(path: Path, name: str, job: _Job) -> _Done:
    from railwatch.services.detector.counting import count_tile
    from railwatch.services.detector.imagery.geotiff import read_masked
    from railwatch.services.detector.imagery.margins import trimmed
    from railwatch.services.detector.imagery.sun import sun_over
    from railwatch.services.detector.recall.check import check_recall
    from railwatch.shared.masks import MaskFile, meaning_of
    from railwatch.shared.sun import HORIZON_DEG

    began = perf_counter()
    tile, remarks = read_masked(path, [MaskFile(mask, mask.name, meaning_of(mask.name)) for mask in job.masks])
    tile = trimmed(tile)
    decoded = perf_counter()
    _check_on(tile, job.tracks)
    sun = sun_over(tile, job.observed_at) if job.observed_at else None
    if sun and sun.elevation_deg < HORIZON_DEG:
        below = f"{-sun.elevation_deg:.0f} degrees below the horizon"
        remarks = (*remarks, f"{path}: at that time the sun stood {below}; is it in UTC?")
    counted = count_tile(tile, job.baseline, job.tracks, sun=sun)
    took = {
        "decode": 1000 * (decoded - began),
        **counted.count.timings_ms,
        "total": 1000 * (perf_counter() - began),
    }
    if job.evidence:
        from railwatch.services.detector.pictures import SUFFIX, Caption, evidence_pictures
        from railwatch.services.detector.tracks.centrelines import project

        job.evidence.mkdir(parents=True, exist_ok=True)
        pictures = evidence_pictures(tile, counted, project(job.tracks, tile), Caption(name, job.observed_at))
        for kind, data in pictures.items():
            (job.evidence / f"{name}-{kind}{SUFFIX}").write_bytes(data)
    found = None
    if job.recall:
        seed = int(sha256(path.read_bytes()).hexdigest(), 16)
        found = check_recall(tile, job.baseline, job.tracks, counted, seed=seed)
    timings_ms = {stage: round(ms, 1) for stage, ms in took.items()}
    return _Done(path, counted.count.model_copy(update={"timings_ms": timings_ms}), found, remarks)


def _read(path: Path) -> "Raster":
    from railwatch.services.detector.imagery.geotiff import read_raster
    from railwatch.services.detector.imagery.margins import trimmed

    return trimmed(read_raster(path))


def _checked(tracks: Sequence[Track]) -> Sequence[Track]:
    for track in tracks:
        if track.length_m < SHORTEST_CAR_M:
            raise UnprocessableError(
                "bad-tracks", f"track {track.id} is {track.length_m:.1f} m long, shorter than any railcar"
            )
    return tracks


def _check_on(tile: "Raster", tracks: Sequence[Track]) -> None:
    """Whether the tracks cross the tile. The names of those that do not are written to stderr.

    Raises:
        UnprocessableError: no track crosses the tile, or a track is so far away that it must be a mistake.
    """
    from railwatch.services.detector.tracks.centrelines import distance_m

    away = {track.id: distance_m(track, tile) for track in tracks}
    outside = [track_id for track_id, metres in away.items() if metres > 0]
    for track_id in outside:
        if away[track_id] > FAR_AWAY_M or len(outside) == len(tracks):
            raise UnprocessableError("bad-tracks", f"track {track_id} is outside the tile, {_far(away[track_id])}")
    if outside:
        complain(f"outside the tile, and not counted: track {', '.join(outside)}")


def _far(metres: float) -> str:
    if metres == float("inf"):
        return "where its CRS does not reach"
    return f"{metres / 1000:.0f} km away" if metres > 2000 else f"{metres:.0f} m away"


def _with_progress(tiles: Sequence[Path], hidden: bool) -> Iterator[Path]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        task = progress.add_task("counting", total=len(tiles))
        for tile in tiles:
            progress.update(task, description=tile.name)
            yield tile
            progress.advance(task)


def _name(tile: Path, tiles: Sequence[Path]) -> str:
    """The tile's name in the names of its pictures: its stem, after its folder's name if two tiles have this stem."""
    shared = sum(other.stem == tile.stem for other in tiles) > 1
    return f"{tile.resolve().parent.name}-{tile.stem}" if shared else tile.stem


def _as_json(done: _Done, job: _Job) -> dict[str, Any]:
    recall = {"recall": done.recall.model_dump() if done.recall else None} if job.recall else {}
    remarks = {"remarks": done.remarks} if job.masks else {}
    return {"tile": str(done.path), **done.count.model_dump(mode="json"), **recall, **remarks}


def _print_tables(done: Sequence[_Done], with_recall: bool) -> None:
    console = Console()
    if done:
        console.print(_table_of_tiles(done, with_recall))
    if len(done) == 1:
        console.print(_table_of_tracks(done[0].count))


def _table_of_tiles(done: Sequence[_Done], with_recall: bool) -> Table:
    table = Table("tile", box=None, header_style="bold")
    for column in ("railcars", "90 %", "seen", "moved", *(["recall"] if with_recall else [])):
        table.add_column(column, justify="right")
    table.add_column("quality")
    for one in done:
        count, recall, moved = one.count, one.recall, one.count.registration
        table.add_row(
            cell(str(one.path)),
            *_found(count),
            f"{count.coverage:.0%}",
            f"{moved.dx_px:+.1f}, {moved.dy_px:+.1f} px" if moved else "-",
            *([f"{recall.recovered} of {recall.injected}" if recall else "-"] if with_recall else []),
            ": ".join(filter(None, (count.quality.value, ", ".join(count.reasons)))),
        )
    return table


def _table_of_tracks(count: TileCount) -> Table:
    table = Table("track", box=None, header_style="bold")
    for column in ("railcars", "90 %", "length", "occupied"):
        table.add_column(column, justify="right")
    for track in count.tracks:
        table.add_row(
            cell(track.track),
            *_found(track),
            f"{track.length_m:.0f} m",
            f"{track.occupied_m:.0f} m",
        )
    return table


def _found(found: TileCount | TrackCount) -> tuple[str, str]:
    """The count and its interval, or the metres of trains and the range of cars on them."""
    if (metres := found.occupied) is not None:
        cars = f"{math.floor(metres.cars_low)} to {math.ceil(metres.cars_high)} cars"
        return f"{metres.occupied_m:.0f} m ({metres.low_m:.0f} to {metres.high_m:.0f} m)", cars
    if found.count is None or found.low is None or found.high is None:
        return "not counted", "-"
    return f"{found.count:.0f}", f"{found.low:.0f} to {found.high:.0f}"
