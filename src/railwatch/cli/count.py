"""`railwatch count`: the detector's own code on files, without any service."""

import json
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

from railwatch.cli.count_lines import tracks_on, what_to_count_on
from railwatch.cli.count_tables import Done, print_tables
from railwatch.cli.terminal import complain
from railwatch.cli.times import time_of_day
from railwatch.shared.clock import lies_ahead
from railwatch.shared.errors import RailwatchError
from railwatch.shared.sites import TrackLines

if TYPE_CHECKING:
    from railwatch.services.detector.imagery.raster import Raster


@dataclass(frozen=True)
class _Job:
    """What to do with each tile."""

    baseline: "Raster | None"
    lines: TrackLines
    car_lengths_m: tuple[float, float]
    observed_at: datetime | None
    evidence: Path | None
    recall: bool
    masks: Sequence[Path]


def count(
    tiles: Annotated[list[Path], typer.Argument(metavar="TILE...", help="GeoTIFFs that show the same place.")],
    tracks: Annotated[
        Path | None,
        typer.Option(
            help="The tracks' centrelines: GeoJSON, or an extract of OpenStreetMap (Overpass JSON, .osm, .osm.pbf). "
            "The property `track` is the name of each; without it, names are made.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    site: Annotated[
        Path | None,
        typer.Option(
            help="A site's YAML, in place of --tracks: its tracks within its area, and its car lengths.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    car_lengths: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="SHORTEST LONGEST",
            help="The shortest and the longest car to expect, in metres, such as 7 9.5. Known lengths keep two short "
            "cars from being taken for one. By default those of the site, or else those that the cars show.",
        ),
    ] = None,
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
            parser=time_of_day,
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
    if observed_at is not None and lies_ahead(observed_at, datetime.now(UTC)):
        raise typer.BadParameter("the time lies in the future", param_hint="--observed-at")
    if car_lengths is not None and not 0 < car_lengths[0] <= car_lengths[1]:
        raise typer.BadParameter("the shortest length comes first, and is more than 0", param_hint="--car-lengths")
    lines, of_the_site_m = what_to_count_on(tracks, site)
    job = _Job(
        baseline=_read(baseline) if baseline else None,
        lines=lines,
        car_lengths_m=car_lengths or of_the_site_m,
        observed_at=observed_at,
        evidence=evidence,
        recall=recall,
        masks=masks or (),
    )
    done: list[Done] = []
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
        print_tables(done, recall)
    if len(done) < len(tiles):
        raise typer.Exit(1)


def _count(path: Path, name: str, job: _Job) -> Done:
    from railwatch.services.detector.counting import count_tile
    from railwatch.services.detector.imagery.geotiff import read_masked
    from railwatch.services.detector.imagery.margins import trimmed
    from railwatch.services.detector.imagery.sun import sun_over
    from railwatch.services.detector.recall.check import check_recall
    from railwatch.shared.masks import MaskFile, meaning_of
    from railwatch.shared.sun import HORIZON_DEG

    began = perf_counter()
    tile, remarks = read_masked(
        path, [MaskFile(mask, mask.name, meaning_of(mask.name)) for mask in job.masks], as_stored=True
    )
    tile = trimmed(tile)
    decoded = perf_counter()
    tracks = tracks_on(tile, job.lines)
    sun = sun_over(tile, job.observed_at) if job.observed_at else None
    if sun and sun.elevation_deg < HORIZON_DEG:
        below = f"{-sun.elevation_deg:.0f} degrees below the horizon"
        remarks = (*remarks, f"{path}: at that time the sun stood {below}; is it in UTC?")
    counted = count_tile(tile, job.baseline, tracks, sun=sun, car_lengths_m=job.car_lengths_m)
    took = {
        "decode": 1000 * (decoded - began),
        **counted.count.timings_ms,
        "total": 1000 * (perf_counter() - began),
    }
    if job.evidence:
        from railwatch.services.detector.pictures import SUFFIX, Caption, evidence_pictures
        from railwatch.services.detector.tracks.centrelines import project

        job.evidence.mkdir(parents=True, exist_ok=True)
        pictures = evidence_pictures(tile, counted, project(tracks, tile), Caption(name, job.observed_at))
        for kind, data in pictures.items():
            (job.evidence / f"{name}-{kind}{SUFFIX}").write_bytes(data)
    found = None
    if job.recall:
        seed = int(sha256(path.read_bytes()).hexdigest(), 16)
        found = check_recall(tile, job.baseline, tracks, counted, seed=seed)
    timings_ms = {stage: round(ms, 1) for stage, ms in took.items()}
    return Done(path, counted.count.model_copy(update={"timings_ms": timings_ms}), found, remarks)


def _read(path: Path) -> "Raster":
    from railwatch.services.detector.imagery.geotiff import read_raster
    from railwatch.services.detector.imagery.margins import trimmed

    return trimmed(read_raster(path, as_stored=True))


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


def _as_json(done: Done, job: _Job) -> dict[str, Any]:
    recall = {"recall": done.recall.model_dump() if done.recall else None} if job.recall else {}
    remarks = {"remarks": done.remarks} if job.masks else {}
    return {"tile": str(done.path), **done.count.model_dump(mode="json"), **recall, **remarks}
