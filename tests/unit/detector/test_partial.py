"""What a picture or a baseline does not show is not seen, and never empty."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.counts import Quality, TileCount
from tests.support.rendered import Rendered, rendered, site_of


@pytest.fixture(scope="module")
def scene() -> Rendered:
    return rendered("clear")


@pytest.fixture(scope="module")
def whole(scene: Rendered) -> TileCount:
    return count_tile(scene.tile, scene.baseline, scene.tracks, cell=site_of(scene).cells()[0]).count


def columns(picture: Raster, first: int, last: int) -> Raster:
    """A frame: some columns of a picture."""
    return replace(
        picture,
        pixels=np.ascontiguousarray(picture.pixels[:, :, first:last]),
        valid=picture.valid[:, first:last].copy(),
        transform=picture.transform @ Affine.translation(first, 0),
    )


def test_the_frames_of_a_pass_share_the_coverage_of_the_cell(scene: Rendered, whole: TileCount) -> None:
    edges = np.linspace(0, scene.tile.shape[1], 4).astype(int)
    frames = [columns(scene.tile, first, last) for first, last in pairwise(edges)]

    counts = [count_tile(frame, scene.baseline, scene.tracks, cell=site_of(scene).cells()[0]).count for frame in frames]

    assert whole.quality is Quality.OK
    assert whole.coverage == 1
    assert all(count.quality is Quality.PARTIAL for count in counts)
    assert all("partly-outside" in count.reasons for count in counts)
    assert all("partly-hidden" not in count.reasons for count in counts)
    assert sum(count.coverage for count in counts) == pytest.approx(1, abs=0.02)
    assert sum(count.count or 0 for count in counts) == pytest.approx(whole.count, abs=3)


def test_a_frame_of_a_tenth_still_gives_its_cars(scene: Rendered) -> None:
    count = count_tile(columns(scene.tile, 180, 220), None, scene.tracks, cell=site_of(scene).cells()[0]).count

    assert count.quality is Quality.PARTIAL
    assert count.coverage == pytest.approx(0.1, abs=0.04)


def test_the_rest_of_tracks_that_go_on_beyond_the_picture_is_not_seen_without_a_cell(scene: Rendered) -> None:
    parts = [columns(scene.tile, 0, 200), columns(scene.tile, 200, 400)]

    counts = [count_tile(part, None, scene.tracks).count for part in parts]

    assert sum(count.coverage for count in counts) == pytest.approx(1, abs=0.02)
    assert all("partly-outside" in count.reasons for count in counts)


def test_hidden_and_outside_are_told_apart(scene: Rendered) -> None:
    half = columns(scene.tile, 100, 300)
    whole = count_tile(half, None, scene.tracks).count
    half.valid[:, :80] = False

    count = count_tile(replace(half, pixels=half.pixels * half.valid), None, scene.tracks).count

    assert 0.3 * whole.coverage < count.coverage < 0.9 * whole.coverage
    assert {"partly-outside", "partly-hidden"} <= set(count.reasons)


def test_where_the_baseline_shows_nothing_cars_are_counted_without_it(scene: Rendered, whole: TileCount) -> None:
    alone = count_tile(scene.tile, None, scene.tracks, cell=site_of(scene).cells()[0]).count

    count = count_tile(
        scene.tile, columns(scene.baseline, 260, 400), scene.tracks, cell=site_of(scene).cells()[0]
    ).count

    assert count.count is not None
    assert whole.count is not None
    assert alone.count is not None
    assert abs(count.count - whole.count) <= max(2, abs(alone.count - whole.count) + 1)
    assert "baseline-partial" in count.reasons
    assert count.coverage == 1


def test_a_baseline_that_is_only_moved_is_not_partial(whole: TileCount) -> None:
    assert "baseline-partial" not in whole.reasons
