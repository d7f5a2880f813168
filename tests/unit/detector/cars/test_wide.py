"""Wide strips show what strips show, whatever the light and whatever end a track is run from."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from railwatch.services.detector.cars.evidence import darkest
from railwatch.services.detector.cars.wide import (
    CHANNELS,
    WIDTH,
    WITH_BASELINE,
    channels_of,
    narrowed,
    pair_of,
    straighten_wide,
)
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import Layout, lay_out, straighten

GSD_M = 0.3


def picture(*, car: bool) -> Raster:
    values = np.random.default_rng(0).uniform(0.2, 0.6, (3, 200, 300)).astype(np.float32)
    if car:
        values[:, 95:106, 100:150] = 0.75
    return Raster(values, np.ones((200, 300), dtype=bool), Affine.scale(GSD_M), CRS.from_epsg(32633), GSD_M)


def layout() -> Layout:
    return lay_out([np.array([[10.0, 100.0], [280.0, 104.0]]), np.array([[10.0, 60.0], [280.0, 60.0]])], GSD_M)


def planes(tile: Raster, baseline: Raster | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    pictures = [tile] if baseline is None else [tile, baseline]
    values, seen = straighten_wide(pictures, layout())
    before = None if baseline is None else (values[1], seen[1], darkest(baseline))
    channels = channels_of(pair_of((values[0], seen[0], darkest(tile)), before), layout())
    return channels.of(slice(0, len(layout().xy_px)))


def test_the_inner_part_of_a_wide_strip_is_the_strip() -> None:
    tile = picture(car=True)
    (wide,), (seen,) = straighten_wide([tile], layout())
    (values,), _ = straighten([tile], layout())

    inner = narrowed(pair_of((wide, seen, 0.0), None).tile)

    luminance = values @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    assert inner.values[0] == pytest.approx(luminance, abs=1e-5)


def test_channels_do_not_depend_on_the_light() -> None:
    tile, baseline = picture(car=True), picture(car=False)
    brighter = replace(tile, pixels=tile.pixels * np.float32(1.2) + np.float32(0.05))

    assert planes(brighter, baseline) == pytest.approx(planes(tile, baseline), abs=2e-2)


def test_without_a_baseline_its_channels_say_nothing() -> None:
    alone = planes(picture(car=True), None)

    assert alone.shape == (CHANNELS, 2 * len(layout().xy_px), WIDTH)
    assert not alone[list(WITH_BASELINE)].any()
    assert alone[0].any()


def test_nothing_is_seen_between_tracks() -> None:
    between = np.repeat(~layout().on_track, 2)

    assert not planes(picture(car=True), picture(car=False))[:, between].any()


def test_a_part_of_the_tracks_has_the_channels_that_it_has_in_the_whole() -> None:
    values, seen = straighten_wide([picture(car=True), picture(car=False)], layout())
    channels = channels_of(pair_of((values[0], seen[0], 0.2), (values[1], seen[1], 0.2)), layout())

    whole, part = channels.of(slice(0, len(layout().xy_px))), channels.of(slice(40, 90))

    assert part[:, 4:-4] == pytest.approx(whole[:, 84:176], abs=1e-4)
