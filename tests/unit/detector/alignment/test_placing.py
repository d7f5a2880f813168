"""Under snow a place is known by its tracks; another place is not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from railwatch.render import cars_geojson
from railwatch.services.detector.alignment.ground import prepare
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import corridor
from railwatch.shared.errors import TileRejectedError
from tests.support.rendered import Rendered, rendered

WHITE, GREEN = (1.0, 1.0, 1.0), (0.5, 1.0, 0.3)


def covered(scene: Rendered, colour: tuple[float, float, float] = WHITE) -> Raster:
    """The tile with patches of white, as of snow, or of a colour on all but the tracks and what stands on them."""
    tile, chance = scene.tile, np.random.default_rng(0)
    field = ndimage.gaussian_filter(chance.normal(size=tile.shape), 2)
    brightest = tile.luminance().max()
    snow = brightest * (0.85 + chance.normal(0, 0.02, tile.shape))
    soil = brightest * (0.3 + chance.normal(0, 0.03, tile.shape))
    ground = np.where(field > np.quantile(field, 0.75), soil, snow)
    pixels = np.where(corridor(scene.centrelines, tile, 3.0), tile.pixels, np.multiply.outer(colour, ground))
    return replace(tile, pixels=pixels.astype(np.float32))


def cars(scene: Rendered) -> int:
    return sum(feature["properties"]["inside"] for feature in cars_geojson(scene.pair.tile)["features"])


def test_cars_are_counted_where_snow_hides_everything_else_that_the_baseline_shows() -> None:
    scene = rendered("clear", seed=3)
    tile = covered(scene)
    with pytest.raises(TileRejectedError, match="wrong-place"):
        prepare(tile, scene.baseline, scene.centrelines)

    count = count_tile(tile, scene.baseline, scene.tracks).count

    assert "placed-by-tracks" in count.reasons
    assert count.low is not None
    assert count.high is not None
    assert count.low <= cars(scene) <= count.high


def test_an_empty_yard_under_snow_has_no_cars() -> None:
    scene = rendered("empty-clutter", seed=3)

    count = count_tile(covered(scene), scene.baseline, scene.tracks).count

    assert "placed-by-tracks" in count.reasons
    assert count.count == 0


def test_another_yard_under_snow_is_rejected() -> None:
    scene, other = rendered("clear", seed=3), rendered("clear", seed=1)
    tile = replace(covered(other), transform=scene.tile.transform, crs=scene.tile.crs)

    count = count_tile(tile, scene.baseline, scene.tracks).count

    assert count.count is None
    assert set(count.reasons) & {"wrong-place", "registration-unreliable"}


def test_without_snow_a_place_is_not_recognised_by_its_tracks() -> None:
    scene = rendered("clear", seed=2)

    under_snow, in_green = (
        count_tile(covered(scene, colour), scene.baseline, scene.tracks).count for colour in (WHITE, GREEN)
    )

    assert "placed-by-tracks" in under_snow.reasons
    assert in_green.reasons == ("wrong-place",)
