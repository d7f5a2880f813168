"""`make bench-baselines`: a year at rendered yards that are never empty, counted against three baselines.

The looks go through the detector's own handler, which renews the baseline whenever it is due. The same looks are
counted against the first look, as if it had stayed for ever, and against the true empty ground, which no satellite saw.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from obstore.store import MemoryStore

from railwatch.embedded import embedded_redis
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.services.detector.renewal import renewals_over
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import TileCount
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.detector import counts_made, handler_over
from tests.support.yard_year import YardYear, YearLook, yard_year

FIRST_SEED = 930_000
BASELINES = ("first look", "composite", "empty ground")


@dataclass(frozen=True)
class Scored:
    """One look: how many cars stood there, its condition, and how it was counted against each baseline."""

    true: int
    condition: str
    version: int
    counts: dict[str, TileCount]


def main() -> None:
    """Runs the yards and prints a table of each, and of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--yards", type=int, default=1, help="yards (default: 1)")
    parser.add_argument("--looks", type=int, default=24, help="looks in the year of each (default: 24)")
    arguments = parser.parse_args()
    everything: list[Scored] = []
    with embedded_redis() as environment:
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.yards):
            found = score(yard_year(seed, arguments.looks), environment["RAILWATCH_REDIS_URL"])
            everything += found
    print()
    print(_row(("looks", "cars", *(f"{name}: {what}" for name in BASELINES for what in ("error", "within")))))
    print(_row(["---"] * 8))
    renewed = [look for look in everything if look.version > 1]
    print(_line("first year, all", everything))
    print(_line("from the first composite on", renewed))
    print(_line("of these, clear", [look for look in renewed if look.condition == "clear"]))


def score(year: YardYear, redis_url: str) -> list[Scored]:
    """Counts the looks of one yard, one after the other, and prints each."""
    client, blobs = connect(RedisSettings(url=redis_url)), BlobStore(MemoryStore())
    client.flushall()
    sites = {year.site.id: year.site}
    renewals = renewals_over(blobs, client)
    handler = handler_over(sites, renewals, client)
    empty, first = read_raster(year.empty), None
    scored = []
    print(_row(("look", "condition", "cars", *BASELINES, "version")))
    print(_row(["---"] * 7))
    for number, look in enumerate(year.looks):
        tile = read_raster(look.file)
        (event,) = counts_made(handler, tile_event(year, look, blobs, number))
        counts = {
            "first look": _count(year, tile, first, look) if first else event.result,
            "composite": event.result,
            "empty ground": _count(year, tile, empty, look),
        }
        first = first or tile
        version = event.baseline.version if event.baseline else 0
        scored.append(Scored(year.cars_in(look), look.condition, version, counts))
        figures = (_figures(counts[name]) for name in BASELINES)
        print(_row((str(number + 1), look.condition, str(scored[-1].true), *figures, _against(event))), flush=True)
    for change in renewals.baselines.unpublished():
        print(f"{change.change} {change.version}: {change.why} {change.before} -> {change.measured}")
    return scored


def tile_event(year: YardYear, look: YearLook, blobs: BlobStore, number: int) -> TileEvent:
    """A look as ingest hands it on."""
    return TileEvent(
        recorded_at=datetime.now(UTC),
        site=year.site.id,
        tile="r0c0",
        scene=f"look-{number + 1}",
        tiles_in_scene=("r0c0",),
        observed_at=look.picture.look.observed_at,
        image=blobs.put(look.file, "image/tiff"),
        gsd_m=look.picture.site.frame.gsd_m,
        source="api",
    )


def _count(year: YardYear, tile: Raster, baseline: Raster, look: YearLook) -> TileCount:
    (cell,) = year.site.cells()
    sun = sun_over(tile, look.picture.look.observed_at)
    return count_tile(tile, baseline, year.site.tracks, sun=sun, cell=cell).count


def _against(event: CountEvent) -> str:
    if event.baseline is None:
        return "none"
    return f"{event.baseline.version} ({len(event.baseline.looks) or 1} looks)"


def _figures(count: TileCount) -> str:
    return f"{count.count:.0f} ({count.low:.0f} to {count.high:.0f})" if count.count is not None else count.reasons[-1]


def _line(name: str, looks: list[Scored]) -> str:
    """Cars too many or too few, look by look, as a share of all cars; and how many intervals hold the truth."""
    cells = [f"{name}: {len(looks)}", str(sum(look.true for look in looks))]
    for baseline in BASELINES:
        pairs = [(look.counts[baseline], look.true) for look in looks if look.counts[baseline].count is not None]
        wrong = sum(abs((count.count or 0) - true) for count, true in pairs)
        held = [(count.low or 0) <= true <= (count.high or 0) for count, true in pairs]
        cells += [f"{100 * wrong / max(sum(true for _, true in pairs), 1):.1f} %", f"{sum(held)} of {len(held)}"]
    return _row(cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
