"""Rails are where the centreline says, on any curve."""

import numpy as np
import pytest
from scipy import ndimage

from railwatch.render.canvas import Frame
from railwatch.render.ground import GroundStyle, dress, lay_ground
from railwatch.render.weather import Snow, snow_over
from railwatch.render.yard import YardKind, distances, lay_tracks, resample

FRAME = Frame((300, 300), 0.4, 2, 8.0)


@pytest.mark.parametrize("kind", ["parallel", "ladder", "double-ended", "main", "siding"])
def test_the_rails_lie_half_a_gauge_beside_the_centreline(kind: YardKind) -> None:
    tracks = lay_tracks(np.random.default_rng(2), FRAME.size_m, kind, 4, curve_radius_m=400, gauge_m=1.52)
    ground = lay_ground(FRAME, tracks, GroundStyle(), (), 1, 3)
    for track in tracks:
        line = resample(track.points_m, 2.0)[3:-3]
        direction = np.gradient(line, axis=0)
        normal = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]

        def rail_at(offset: float, line: np.ndarray = line, normal: np.ndarray = normal) -> float:
            index = (line + normal * offset + FRAME.margin_m) / FRAME.step_m - 0.5
            return float(ndimage.map_coordinates(ground.rail, index[:, ::-1].T, order=1).mean())

        off = (1.52 + 0.07) / 2
        assert min(rail_at(off), rail_at(-off)) > 3 * rail_at(0.0)
        assert min(rail_at(off), rail_at(-off)) > 3 * max(rail_at(off + 0.5), rail_at(-off - 0.5)) or kind != "parallel"


def test_tracks_are_found_in_every_part_of_the_picture_they_cross() -> None:
    tracks = lay_tracks(np.random.default_rng(3), (120, 120), "parallel", 5, heading_rad=0.4)
    assert len({track.id for track in tracks}) == len(tracks) == 5
    assert all(distances(track.points_m)[-1] > 60 for track in tracks)


def test_grass_greens_and_wet_ground_darkens() -> None:
    ground = lay_ground(FRAME, (), GroundStyle(grass_share=0.9), (), 1, 3)
    rng = np.random.default_rng
    winter, summer = dress(ground, 0.0, 0.0, rng(1)), dress(ground, 1.0, 0.0, rng(1))
    wet = dress(ground, 1.0, 1.0, rng(1))
    assert (summer[1] / summer[0]).mean() > (winter[1] / winter[0]).mean() + 0.1
    assert wet.mean() < 0.8 * summer.mean()


def test_fresh_snow_whitens_the_ground_and_trains_sweep_the_rails() -> None:
    tracks = lay_tracks(np.random.default_rng(3), FRAME.size_m, "parallel", 5)
    ground = lay_ground(FRAME, tracks, GroundStyle(), (), 1, 3)
    bare = dress(ground, 0.0, 0.0, np.random.default_rng(1))
    swept, buried = (
        snow_over(ground, bare, Snow(cover=1.0, swept=share), np.random.default_rng(1)) for share in (1.0, 0.0)
    )
    assert buried.min() > 0.6
    on_rail = ground.rail > 0.2
    assert swept[:, on_rail].mean() < buried[:, on_rail].mean() - 0.3
