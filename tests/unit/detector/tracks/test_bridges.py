"""Bridges over the tracks hide what passes below them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from railwatch.render import Picture, geotiff, random_scene, render_look, site_ground
from railwatch.render.clutter import Overhead
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.bridges import bridged
from railwatch.services.detector.tracks.strips import Layout, lay_out
from tests.support.rendered import rendered

WIDE_M = 7.0
HIGH_M = 7.0


@cache
def under(bridge: bool) -> Picture:
    """An empty yard from straight above, with a bridge across its middle or without."""
    spec = random_scene(np.random.default_rng(1), condition="clear", gsd_m=0.5, size_px=400)
    middle = np.array(spec.site.frame.size_m[::-1]) / 2
    heading = spec.site.tracks[0].points_m[-1] - spec.site.tracks[0].points_m[0]
    across = 200 * np.array([-heading[1], heading[0]]) / np.hypot(*heading)
    (x, y), (to_x, to_y) = (middle - across).tolist(), (middle + across).tolist()
    deck = (Overhead((x, y, HIGH_M), (to_x, to_y, HIGH_M), WIDE_M, (0.3, 0.3, 0.28, 0.3)),) if bridge else ()
    site = replace(spec.site, overheads=deck)
    return render_look(site, replace(spec.tile, cars=(), off_nadir_deg=0.0), site_ground(site))


def looked_at(picture: Picture) -> tuple[Raster, Layout]:
    tile = read_raster(geotiff(picture))
    return tile, lay_out([line / tile.gsd_m - 0.5 for line in picture.tracks_m.values()], tile.gsd_m)


def below_deck(layout: Layout, reach_m: float) -> NDArray[np.bool_]:
    """(n,), samples nearer than this to the middle of the deck."""
    picture = under(True)
    deck = picture.site.overheads[0]
    start, end = np.array(deck.start_m[:2]), np.array(deck.end_m[:2])
    away = (layout.xy_px + 0.5) * picture.site.frame.gsd_m - start
    along = (end - start) / np.hypot(*(end - start))
    return np.asarray(np.abs(away[:, 0] * along[1] - away[:, 1] * along[0]) < reach_m)


def test_track_under_a_bridge_is_hidden_and_not_beyond_its_shadow() -> None:
    tile, layout = looked_at(under(True))

    hidden = bridged(tile, tile.valid, layout)

    inside = ((layout.xy_px > 30) & (layout.xy_px < 370)).all(axis=1)
    assert hidden[below_deck(layout, WIDE_M / 2 - 1) & inside].mean() > 0.9
    shadow_m = HIGH_M / np.tan(np.deg2rad(under(True).look.sun.elevation_deg))
    assert not hidden[~below_deck(layout, WIDE_M / 2 + shadow_m + 4)].any()


def test_a_yard_without_a_bridge_hides_nothing() -> None:
    tile, layout = looked_at(under(False))

    assert not bridged(tile, tile.valid, layout).any()


def test_cloud_is_not_taken_for_a_bridge() -> None:
    tile, layout = looked_at(under(True))
    seen = tile.valid.copy()
    seen[150:250] = seen[:, 150:250] = False

    x, y = np.rint(np.nan_to_num(layout.xy_px)).astype(int).T
    clouded = ~seen[np.clip(y, 0, 399), np.clip(x, 0, 399)]

    assert not bridged(tile, seen, layout)[clouded].any()


@pytest.mark.parametrize("bridge", [True, False])
def test_the_count_names_the_bridge_and_leaves_it_out_of_the_coverage(bridge: bool) -> None:
    count = count_tile(read_raster(geotiff(under(bridge))), None, rendered("clear").tracks).count

    assert ("bridge" in count.reasons) == bridge
    assert (count.coverage < 0.985) == bridge
