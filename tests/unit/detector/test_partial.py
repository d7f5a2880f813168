"""What a picture or a baseline does not show is not seen, and never empty."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.margins import trimmed
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


def test_overlapping_frames_measure_along_the_tracks_alike(scene: Rendered, whole: TileCount) -> None:
    frames = [columns(scene.tile, 0, 240), columns(scene.tile, 160, 400)]

    counts = [count_tile(frame, scene.baseline, scene.tracks, cell=site_of(scene).cells()[0]).count for frame in frames]

    stood = {track.track: [car.along_m or 0.0 for car in track.cars] for track in whole.tracks}
    for track in whole.tracks:
        ((first, last),) = track.seen_m
        assert last - first >= track.length_m - 2
    for count in counts:
        cars = [(track, car.along_m or 0.0) for track in count.tracks for car in track.cars]
        assert all(any(first <= at <= last for first, last in track.seen_m) for track, at in cars)
        near = [min((abs(at - place) for place in stood[track.track]), default=99.0) < 3 for track, at in cars]
        assert np.mean(near) > 0.8
    seen = [sum(last - first for track in count.tracks for first, last in track.seen_m) for count in counts]
    assert seen[0] / counts[0].coverage == pytest.approx(seen[1] / counts[1].coverage, rel=0.03)


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
    half.valid[20:-20, 60:140] = False

    count = count_tile(replace(half, pixels=half.pixels * half.valid), None, scene.tracks).count

    assert 0.3 * whole.coverage < count.coverage < 0.9 * whole.coverage
    assert {"partly-outside", "partly-hidden"} <= set(count.reasons)


def test_a_padded_frame_gives_the_same_count_as_the_frame_alone(scene: Rendered) -> None:
    shown = np.zeros_like(scene.tile.valid)
    shown[:, 180:220] = True
    padded = replace(scene.tile, pixels=scene.tile.pixels * shown, valid=shown)

    count = count_tile(trimmed(padded), None, scene.tracks, cell=site_of(scene).cells()[0]).count

    alone = count_tile(columns(scene.tile, 180, 220), None, scene.tracks, cell=site_of(scene).cells()[0]).count
    assert count.count is not None
    assert count.model_dump(exclude={"timings_ms"}) == alone.model_dump(exclude={"timings_ms"})


def test_a_frame_that_lies_askew_in_its_padding_is_not_refused(scene: Rendered) -> None:
    rows, cols = np.indices(scene.tile.shape)
    shown = np.abs(cols - rows) < 40
    padded = replace(scene.tile, pixels=scene.tile.pixels * shown, valid=shown)

    count = count_tile(trimmed(padded), None, scene.tracks, cell=site_of(scene).cells()[0]).count

    assert count.quality is Quality.PARTIAL
    assert count.coverage < 0.3
    assert "partly-outside" in count.reasons


def test_a_cloud_of_a_mask_along_the_border_hides_and_does_not_end_the_picture(scene: Rendered) -> None:
    seen = np.ones_like(scene.tile.valid)
    seen[:, 250:] = False
    clouded = replace(scene.tile, pixels=scene.tile.pixels * seen, valid=seen, masked=~seen)

    count = count_tile(trimmed(clouded), None, scene.tracks, cell=site_of(scene).cells()[0]).count

    assert "partly-hidden" in count.reasons
    assert "partly-outside" not in count.reasons, "no other frame is waited for"
    assert count.coverage < 0.8


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
