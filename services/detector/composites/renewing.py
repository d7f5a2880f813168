"""Renewing a baseline: when it is due, which looks are merged, and whether the result is better than what there is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from railwatch.services.detector.composites.footprints import under_cars
from railwatch.services.detector.composites.looks import FEWEST_LOOKS, GoodLook, Renewal
from railwatch.services.detector.composites.measure import changed_m2, coverage, fits, measure, why_better
from railwatch.services.detector.composites.merging import as_geotiff, merge
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.shared.counts import BaselineRef, BlobRef, MergedLook
from railwatch.shared.sites import Cell, Track

# Part of the id of every composite: the number is raised whenever the same looks may give another picture.
METHOD = "railwatch-composite-2"
# A baseline is measured on so many of the newest looks.
MEASURED_ON = 3

Fetch = Callable[[BlobRef], Raster]


def renew(
    current: BaselineRef, kept: Sequence[GoodLook], fetch: Fetch, tracks: Sequence[Track], cell: Cell
) -> Renewal | None:
    """Merges the kept looks, and measures the result and the current baseline on the newest of them.

    Args:
        current: the baseline that there is.
        kept: the good looks of the tile.
        fetch: loads a picture.
        tracks: the site's tracks.
        cell: the tile's cell.

    Returns:
        None if fewer than `FEWEST_LOOKS` fit each other.
    """
    if len(kept) < FEWEST_LOOKS:
        return None
    looks = sorted(kept, key=lambda look: look.observed_at, reverse=True)

    def load(look: GoodLook) -> Raster:
        return without_cars(fetch(look.image), look, tracks)

    merged = merge([partial(load, look) for look in looks], tracks)
    if merged is None:
        return None
    old = fetch(current.image)
    if itself := next((look for look in kept if look.image == current.image), None):
        old = without_cars(old, itself, tracks)
    newest = looks[:MEASURED_ON][::-1]
    old_fits, new_fits = [], []
    for look in newest:
        picture = load(look)
        old_fits.append(fits(old, picture, tracks))
        new_fits.append(fits(merged.picture, picture, tracks))
    before = measure(old_fits, coverage(old, tracks, cell))
    measured = measure(new_fits, coverage(merged.picture, tracks, cell))
    return Renewal(
        method=METHOD,
        file=as_geotiff(merged.picture),
        looks=tuple(
            MergedLook(scene=look.scene, observed_at=look.observed_at, sha256=look.image.sha256, share=round(share, 4))
            for look, share in zip(looks, merged.shares, strict=True)
            if share > 0
        ),
        grid=looks[0],
        measured=measured,
        before=before,
        better=why_better(measured, before, changed_m2(old_fits[-1], new_fits[-1])),
    )


def without_cars(picture: Raster, look: GoodLook, tracks: Sequence[Track]) -> Raster:
    """The picture of a look, in which cars and their shadows are not valid."""
    hidden = under_cars(picture, look.cars, tracks, sun_over(picture, look.observed_at))
    return replace(picture, valid=picture.valid & ~hidden)
