"""What the network for coarse pixels is shown."""

from dataclasses import replace

import numpy as np
import pytest

from railwatch.services.detector.coarse.planes import PLANES, view_of
from railwatch.services.detector.coarse.strips import ACROSS_M, MIDDLE, Strips
from railwatch.services.detector.tracks.strips import lay_out

GSD_M = 3.0


def strips(*rows: float) -> Strips:
    """Tracks along rows of pixels, 300 m long, on an even bed."""
    along = np.linspace(10, 110, 50)
    lines = [np.column_stack([along, np.full(50, row)]) for row in rows]
    layout = lay_out(lines, GSD_M, 2.0)
    shape = len(layout.xy_px), len(ACROSS_M)
    light = np.full((*shape, 3), 0.3, np.float32)
    return Strips(layout, light, light.copy(), np.ones(shape, dtype=bool), 0.1, 0.02, np.zeros(shape[0]), GSD_M)


def test_the_track_beside_is_shown_where_it_lies() -> None:
    laid = strips(50.0, 51.5)
    view = view_of(laid)
    beside = view.beside[laid.layout.track(0)].mean(axis=0)
    assert abs(ACROSS_M[beside.argmax()]) == pytest.approx(4.5)
    assert beside.max() == pytest.approx(1, abs=0.01)
    assert beside[MIDDLE] < 0.01, "its own axis is not that of another"


def test_a_track_alone_has_none_beside_it() -> None:
    assert view_of(strips(50.0)).beside.max() == 0


def test_what_was_not_seen_is_zero_on_every_plane() -> None:
    view = view_of(strips(50.0))
    seen = view.seen.copy()
    seen[30:40, 3:] = False
    planes = replace(view, seen=seen, shade=np.ones(len(seen))).planes()
    assert planes.shape == (PLANES, *seen.shape)
    assert (planes[:, 30:40, 3:] == 0).all()
    assert (planes[8] == seen).all()
