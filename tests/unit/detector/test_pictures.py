"""The evidence pictures: all of the same ground, with what was counted drawn where it stands."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from railwatch.services.detector.drawing import TRACK_COLOURS
from railwatch.services.detector.pictures import Caption, evidence_pictures
from railwatch.services.detector.result import Counted
from railwatch.shared.counts import Quality, TileCount
from tests.support.rendered import rendered

CAPTION = Caption("Test Yard", datetime(2023, 10, 5, 2, 14, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC))
COUNT = TileCount(count=2, low=1, high=3, coverage=0.9, quality=Quality.PARTIAL, algorithm="test 1")


def a_count(*boxes: tuple[str, float, float]) -> Counted:
    """Cars of 30 x 6 px on tracks, by their first corner."""
    scene = rendered("clear")
    corners = np.array([[0, 0], [30, 0], [30, 6], [0, 6]], dtype=float)
    outlines = tuple((track, 1, corners + np.array([x, y])) for track, x, y in boxes)
    return Counted(COUNT, scene.baseline, scene.baseline.valid, outlines)


def drawn(counted: Counted) -> dict[str, Image.Image]:
    scene = rendered("clear")
    pictures = evidence_pictures(scene.tile, counted, scene.centrelines, CAPTION)
    return {name: Image.open(io.BytesIO(data)).convert("RGB") for name, data in pictures.items()}


def near(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many pixels are about of this colour."""
    return int((np.abs(np.asarray(picture, dtype=int) - colour).max(axis=2) < 40).sum())


def test_four_pictures_of_the_same_ground() -> None:
    pictures = drawn(a_count(("T1", 150, 200)))

    assert pictures.keys() == {"baseline", "tile", "difference", "cars"}
    assert len({picture.width for picture in pictures.values()}) == 1
    assert max(pictures["tile"].size) <= 1500


def test_cars_are_drawn_in_their_track_s_colour() -> None:
    pictures = drawn(a_count(("T1", 150, 200), ("T2", 150, 230)))

    for colour in TRACK_COLOURS[:2]:
        assert near(pictures["cars"], colour) > near(pictures["tile"], colour) + 200


def test_a_count_without_a_baseline_has_no_difference() -> None:
    assert drawn(replace(a_count(), baseline=None)).keys() == {"tile", "cars"}


def test_a_rejected_tile_is_shown_with_its_reason() -> None:
    rejected = TileCount(
        count=None, low=None, high=None, coverage=0, quality=Quality.REJECTED, reasons=("blurred",), algorithm="test 1"
    )

    assert drawn(Counted(rejected)).keys() == {"tile", "cars"}


def test_pictures_are_the_same_bytes_every_time() -> None:
    scene = rendered("clear")
    once, again = (evidence_pictures(scene.tile, a_count(), scene.centrelines, CAPTION) for _ in range(2))

    assert once == again


@pytest.mark.parametrize("bands", [1, 3])
def test_one_band_and_missing_data_can_be_drawn(bands: int) -> None:
    scene = rendered("clear")
    valid = scene.tile.valid & (np.arange(400) < 200)
    tile = replace(scene.tile, pixels=scene.tile.pixels[:bands], valid=valid)

    pictures = evidence_pictures(tile, Counted(COUNT), scene.centrelines, Caption(""))

    assert Image.open(io.BytesIO(pictures["tile"])).format == "JPEG"
