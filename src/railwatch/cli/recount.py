"""`railwatch recount`: count a site's looks again, with a preview of what would change."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.person import act_by
from railwatch.cli.terminal import cell, complain, several
from railwatch.cli.times import check_span, time_or_day
from railwatch.shared.errors import ConfigurationError, UnprocessableError

if TYPE_CHECKING:
    from railwatch.services.detector.settings import Settings
    from railwatch.shared.blobs import BlobStore
    from railwatch.shared.counts import TileCount
    from railwatch.shared.events import CountEvent, TileEvent
    from railwatch.shared.sites import Site


@dataclass(frozen=True)
class Preview:
    """What a tile was counted as, and what it would be counted as now.

    Attributes:
        tile: the tile.
        before: its last count; null if it was never counted.
        now: what the installed detector finds against the same baseline.
    """

    tile: "TileEvent"
    before: "CountEvent | None"
    now: "TileCount"

    @property
    def changes(self) -> bool:
        """Whether the count, its interval or its quality would be another one."""
        return self.before is None or _said(self.before.result) != _said(self.now)


def recount(
    site: Annotated[str, typer.Option(help="The site.")],
    since: Annotated[
        datetime | None,
        typer.Option("--from", metavar="TIME", parser=time_or_day, help="Looks that were taken from then on, UTC."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", metavar="TIME", parser=time_or_day, help="Looks taken before then, UTC.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count here, print what would change, and publish nothing.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who orders it: goes on record. The user who runs it, if not given.")] = "",
) -> None:
    """Count a site's looks again, by the time at which they were taken, with the detector as it is now.

    Their tiles are published again, and the running services do the rest: each look is judged anew at its own time, and
    receivers hear of alerts that change. What counts the same changes nothing. The command uses the RAILWATCH_*
    settings of the detector.
    """
    from railwatch.services.detector.settings import Settings
    from railwatch.shared.bus import Publisher
    from railwatch.shared.bus.recording import recorded
    from railwatch.shared.environment import load
    from railwatch.shared.events import ActKind

    check_span(since, until)
    settings = load(Settings)
    tiles = tiles_of(settings, site, since, until)
    if not tiles:
        raise ConfigurationError(f"There is no look at {site} in this time.")
    if dry_run:
        _print(previews(settings, site, tiles), len(tiles))
        return
    detail = f"{several(len(tiles), 'tile')} of {tiles[0].observed_at:%Y-%m-%d} to {tiles[-1].observed_at:%Y-%m-%d}"
    act = act_by(by, ActKind.RECOUNT, site, site, detail)
    with closing(Publisher(settings.kafka)) as publisher, recorded(publisher.publish, act):
        publisher.publish(*tiles)
    typer.echo(f"Published again: {several(len(tiles), 'tile')} of {site}. The detector counts them in their order.")


def tiles_of(settings: "Settings", site: str, since: datetime | None, until: datetime | None) -> "list[TileEvent]":
    """The tiles of a site's observations in some time, oldest first, each once.

    Raises:
        TransientError: Kafka does not answer.
    """
    from railwatch.shared.bus.read import read_topic
    from railwatch.shared.events import TileEvent, TileRole

    tiles = {
        event.id: event
        for partition in read_topic(settings.kafka, TileEvent)
        for event in partition
        if event.site == site
        and event.role is TileRole.OBSERVATION
        and (since is None or event.observed_at >= since)
        and (until is None or event.observed_at < until)
    }
    return sorted(tiles.values(), key=lambda event: (event.observed_at, event.scene, event.tile))


def previews(settings: "Settings", site_id: str, tiles: "Iterable[TileEvent]") -> Iterator[Preview]:
    """What each tile would be counted as now, against the baseline that it was counted against.

    A tile that cannot be counted is told and left out.

    Raises:
        ConfigurationError: the site is not known.
        TransientError: Kafka or the object store does not answer.
    """
    from railwatch.shared.blobs import BlobStore
    from railwatch.shared.bus.read import read_topic
    from railwatch.shared.events import CountEvent
    from railwatch.shared.sites import known_sites

    site = known_sites(settings).sites.get(site_id)
    if site is None:
        raise ConfigurationError(f"There is no site {site_id} in {settings.sites.dir}.")
    counts: dict[tuple[str, str], CountEvent] = {}
    for partition in read_topic(settings.kafka, CountEvent):
        for event in partition:
            last = counts.get((event.scene, event.tile))
            if event.site == site_id and (last is None or event.recorded_at >= last.recorded_at):
                counts[event.scene, event.tile] = event
    blobs = BlobStore.open(settings.blobs)
    for tile in tiles:
        before = counts.get((tile.scene, tile.tile))
        try:
            yield Preview(tile, before, _count(settings, blobs, site, tile, before))
        except UnprocessableError as error:
            complain(f"{tile.scene}, {tile.tile}: {error.reason}: {error}")


def _count(
    settings: "Settings", blobs: "BlobStore", site: "Site", tile: "TileEvent", before: "CountEvent | None"
) -> "TileCount":
    from railwatch.services.detector.answering import Answering
    from railwatch.services.detector.counting import count_tile
    from railwatch.services.detector.imagery.sun import sun_over

    found = next((cell for cell in site.cells() if cell.id == tile.tile), None)
    if found is None:
        raise UnprocessableError("unknown-tile", f"the site has no cell {tile.tile} any more")
    images = [tile.image, *([before.baseline.image] if before and before.baseline else [])]
    picture, *baseline = map(Answering(blobs.get, settings.detector.max_pixels).read, images)
    sun = tile.sun or sun_over(picture, tile.observed_at)
    counted = count_tile(
        picture,
        baseline[0] if baseline else None,
        site.tracks,
        sun=sun,
        cell=found,
        car_lengths_m=site.car_lengths_m,
    )
    return counted.count


def _print(found: Iterable[Preview], tiles: int) -> None:
    table = Table("seen", "scene", "tile", "counted as", "would be", box=None, header_style="bold")
    changing = 0
    for preview in found:
        if preview.changes:
            changing += 1
            before = preview.before.result if preview.before else None
            table.add_row(
                f"{preview.tile.observed_at:%Y-%m-%d %H:%M}",
                cell(preview.tile.scene),
                preview.tile.tile,
                _words(before) if before else "never counted",
                _words(preview.now),
            )
    if changing:
        Console().print(table)
    typer.echo(f"{changing} of {tiles} tiles would change.")


def _words(count: "TileCount") -> str:
    if count.count is None or count.low is None or count.high is None:
        return f"{count.quality}: {', '.join(count.reasons)}"
    return f"{count.count:.0f} ({count.low:.1f} to {count.high:.1f}), {count.quality}"


def _said(count: "TileCount") -> tuple[object, ...]:
    return count.count, count.low, count.high, count.quality, count.occupied
