"""Time-lapses: a frame for each look, oldest first, within limits."""

import io

import numpy as np
import pytest
from PIL import Image

from railwatch.services.alerting.ground.choices import Kind
from railwatch.services.alerting.ground.lapse import MOST_FRAMES, Frame, affordable, chosen, time_lapse
from railwatch.shared.blobs import BlobStore
from railwatch.shared.settings import BlobSettings
from tests.support.alerting import count_event, judged
from tests.unit.alerting.ground.test_windows import around, spot, tiff


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_each_frame_shows_its_look(kind: Kind) -> None:
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    frames = []
    for day, col in ((1, 260), (2, 300), (3, 340)):
        image = blobs.put(tiff(spot(300, col)), "image/tiff")
        frames.append(Frame(judged(day, 5.0), [count_event(day, 5).model_copy(update={"image": image})]))
    lapse = Image.open(io.BytesIO(time_lapse(frames, around(300, 300, 60.0), blobs.get, kind)))
    assert getattr(lapse, "n_frames", 1) == 3
    places = []
    for number in range(3):
        lapse.seek(number)
        light = np.asarray(lapse.convert("L")).astype(int)[: lapse.height - 40]
        places.append(float(np.nonzero(light > 200)[1].mean()) / lapse.width)
    assert places == sorted(places)
    assert places[1] == pytest.approx(0.5, abs=0.05)


def test_many_looks_are_thinned_out_and_the_hidden_ones_left_out() -> None:
    looks = [judged(day, None if day % 10 == 5 else 6.0) for day in range(200)]
    shown = chosen(looks)
    assert len(shown) == MOST_FRAMES
    assert (shown[0], shown[-1]) == (looks[0], looks[-1])
    assert all(look.count is not None for look in shown)
    assert chosen(looks[:3]) == looks[:3]


def test_of_large_tiles_fewer_frames_are_made() -> None:
    frames = [Frame(judged(day, 5.0), [count_event(day, 5)]) for day in range(10)]
    assert affordable(frames, 1_000_000) == frames
    assert affordable(frames, 500) == [frames[0], frames[2], frames[4], frames[7], frames[9]]
    assert affordable(frames, 1) == [frames[0], frames[-1]]
