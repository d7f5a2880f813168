"""The memory that a tile takes grows with its pixels as the limits assume, and no picture is copied as a whole."""

import tracemalloc
from functools import partial

import pytest

from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.settings import BYTES_PER_PIXEL
from tests.benchmarks.speed import Case

SMALL, LARGE = 512, 1280
KM = 0.5
# What a tile of 8 bits costs. The recall, which paints into float32, needs what the limits assume.
COUNTED_BYTES_PER_PIXEL = 27


def peak_bytes(case: Case) -> int:
    count_tile(read_raster(case.tile), None, case.tracks[:1], cell=case.cell)  # what is loaded once
    tracemalloc.start()
    read = partial(read_raster, as_stored=True)
    counted = count_tile(read(case.tile), partial(read, case.baseline), case.tracks, cell=case.cell)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counted.count.registration is not None, "the baseline was used"
    return peak


def test_each_further_pixel_costs_no_more_than_the_limits_assume() -> None:
    small, large = (peak_bytes(Case.on_no_track(side, KM)) for side in (SMALL, LARGE))
    assert (large - small) / (LARGE**2 - SMALL**2) <= COUNTED_BYTES_PER_PIXEL < BYTES_PER_PIXEL


@pytest.mark.parametrize("given", ["picture", "reader", "stored"])
def test_a_baseline_that_was_given_is_not_changed_and_counts_as_one_that_is_read(given: str) -> None:
    case = Case.on_no_track(SMALL, KM)
    baseline = read_raster(case.baseline)
    before = baseline.pixels.copy()
    read = partial(read_raster, as_stored=given == "stored")
    delivered = baseline if given == "picture" else partial(read, case.baseline)

    counted = count_tile(read(case.tile), delivered, case.tracks, cell=case.cell)
    again = count_tile(read_raster(case.tile), baseline, case.tracks, cell=case.cell)

    assert (baseline.pixels == before).all()
    untimed = [count.count.model_copy(update={"timings_ms": {}}) for count in (counted, again)]
    assert untimed[0] == untimed[1]
