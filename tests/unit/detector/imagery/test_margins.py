"""Margins of missing data are not a part of the picture."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from rasterio.io import MemoryFile

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.margins import trimmed, within_margins
from railwatch.services.detector.imagery.raster import Raster
from tests.support.geotiff import NoiseScene


@pytest.fixture(scope="module")
def picture() -> Raster:
    return read_raster(NoiseScene(width=120, height=90).geotiff())


def test_a_trimmed_picture_shows_the_same_ground_at_the_same_place(picture: Raster) -> None:
    valid = np.zeros_like(picture.valid)
    valid[10:60, 30:100] = True
    valid[20:25, 40:50] = False

    cut = trimmed(replace(picture, valid=valid))

    assert cut.shape == (50, 70)
    assert np.array_equal(cut.pixels, picture.pixels[:, 10:60, 30:100])
    assert np.array_equal(cut.valid, valid[10:60, 30:100])
    corner = np.array([[0.0, 0.0]])
    assert cut.to_lonlat(corner) == pytest.approx(picture.to_lonlat(corner + np.array([30, 10])), abs=1e-12)


def test_a_whole_picture_and_one_that_shows_next_to_nothing_stay_as_they_are(picture: Raster) -> None:
    assert trimmed(picture) is picture
    nothing = replace(picture, valid=np.zeros_like(picture.valid))
    assert trimmed(nothing) is nothing
    little = np.zeros_like(picture.valid)
    little[40:50, :] = True
    assert trimmed(replace(picture, valid=little)).shape == picture.shape


def test_holes_are_in_the_picture_and_margins_are_not() -> None:
    valid = np.ones((40, 60), dtype=bool)
    valid[:, 45:] = False
    valid[15:20, 10:20] = False

    inside = within_margins(valid)

    assert inside[:, :45].all()
    assert not inside[:, 45:].any()


def test_what_a_mask_hides_along_the_border_is_in_the_picture() -> None:
    scene = NoiseScene(width=120, height=90)
    cloud = np.full((90, 120), 255, np.uint8)
    cloud[:, 80:] = 0
    padded = scene.pixels()
    padded[:, :, 80:] = 0

    clouded = trimmed(read_raster(scene.geotiff(mask=cloud)))
    alone = trimmed(read_raster(scene.geotiff(padded, mask=cloud)))

    assert clouded.shape == (90, 120)
    assert not clouded.valid[:, 80:].any()
    assert within_margins(clouded.pictured).all()
    assert alone.shape == (90, 80), "nothing is pictured under this mask"


def test_a_masked_border_is_in_the_picture_however_the_file_lies() -> None:
    scene = NoiseScene(width=120, height=90)
    west = np.full((90, 120), 255, np.uint8)
    west[:, :40] = 0
    with MemoryFile(scene.geotiff(mask=west)) as memory, memory.open() as source, MemoryFile() as other:
        profile = {
            **source.profile,
            "width": 90,
            "height": 120,
            "transform": source.transform @ Affine(0, 1, 0, 1, 0, 0),
        }
        with other.open(**profile) as target:
            target.write(source.read().transpose(0, 2, 1))
            target.write_mask(west.T)
        turned = trimmed(read_raster(bytes(other.getbuffer())))

    assert turned.pictured.all()
    assert np.array_equal(turned.valid, west > 0)
