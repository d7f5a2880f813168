"""The position of the sun, estimated from shadows beside cars."""

from dataclasses import replace

import numpy as np
import pytest

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.recall.bodies import Body, random_cut
from railwatch.services.detector.recall.injection import Setting, paint
from railwatch.services.detector.recall.shadows import estimate_sun
from railwatch.shared.counts import Sun
from tests.support.rendered import rendered

GSD_M = 0.4


def ballast() -> Raster:
    scene = rendered("clear").tile
    rough = np.random.default_rng(2).normal(0.45, 0.03, (3, 250, 250)).astype(np.float32)
    return replace(scene, pixels=rough, valid=np.ones((250, 250), dtype=bool), gsd_m=GSD_M)


def yard(sun: Sun | None) -> tuple[Raster, list[np.ndarray]]:
    """Three cuts of five cars, in sunlight or under an even sky."""
    rng = np.random.default_rng(3)
    ground = ballast()
    shadow = None if sun is None else shadow_px(sun, ground)
    cuts, outlines = [], []
    for row in (70, 125, 180):
        cut = []
        for number, car in enumerate(random_cut(rng, 5)):
            centre = np.array([40.0 + 42 * number, row])
            cut.append(Body(replace(car, length_m=14.0, height_m=3.5), centre, np.array([1.0, 0.0])))
            half = np.array([14.0, car.width_m]) / 2 / GSD_M
            outlines.append(centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
        cuts.append(cut)
    setting = Setting(None if shadow is None else shadow * GSD_M, 0.5, np.zeros(3, np.float32), np.zeros(3, np.float32))
    return paint(ground, cuts, setting, np.zeros(ground.shape, dtype=bool), rng), outlines


@pytest.mark.parametrize("azimuth_deg", [0, 45, 135, 180, 225, 315])
@pytest.mark.parametrize("elevation_deg", [25, 50])
def test_the_sun_stands_opposite_the_shadows(azimuth_deg: float, elevation_deg: float) -> None:
    tile, outlines = yard(Sun(azimuth_deg=azimuth_deg, elevation_deg=elevation_deg))

    sun = estimate_sun(tile, None, tile.valid, outlines)

    assert sun is not None
    assert abs((sun.azimuth_deg - azimuth_deg + 180) % 360 - 180) <= 30
    assert sun.elevation_deg == pytest.approx(elevation_deg, abs=12)


@pytest.mark.parametrize("azimuth_deg", [90, 270])
def test_shadows_along_the_tracks_give_the_right_sun_or_none(azimuth_deg: float) -> None:
    tile, outlines = yard(Sun(azimuth_deg=azimuth_deg, elevation_deg=40))

    sun = estimate_sun(tile, None, tile.valid, outlines)

    assert sun is None or abs((sun.azimuth_deg - azimuth_deg + 180) % 360 - 180) <= 30


def test_dark_ground_in_the_baseline_is_not_taken_for_shadow() -> None:
    true = Sun(azimuth_deg=0, elevation_deg=45)
    tile, outlines = yard(true)
    ditch = np.ones(tile.shape, np.float32)
    for row in (60, 115, 170):
        ditch[row - 12 : row] = 0.2
    before = ballast()

    sun = estimate_sun(
        replace(tile, pixels=tile.pixels * ditch), replace(before, pixels=before.pixels * ditch), tile.valid, outlines
    )

    assert sun is not None
    assert abs((sun.azimuth_deg + 180) % 360 - 180) <= 30


def test_an_even_sky_hidden_ground_and_a_yard_without_cars_give_no_sun() -> None:
    overcast, outlines = yard(None)
    sunny, _ = yard(Sun(azimuth_deg=200, elevation_deg=40))

    assert estimate_sun(overcast, None, overcast.valid, outlines) is None
    assert estimate_sun(sunny, None, np.zeros_like(sunny.valid), outlines) is None
    assert estimate_sun(sunny, None, sunny.valid, []) is None


def test_the_cars_that_were_counted_give_the_sun() -> None:
    scene = rendered("clear")
    true = scene.pair.tile.look.sun
    counted = count_tile(scene.tile, scene.baseline, scene.tracks)
    assert counted.seen is not None

    estimated = estimate_sun(
        scene.tile, counted.baseline, counted.seen, [corners for _, _, corners in counted.outlines]
    )

    assert estimated is not None
    assert abs((estimated.azimuth_deg - true.azimuth_deg + 180) % 360 - 180) <= 30
