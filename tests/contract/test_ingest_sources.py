"""How the sources are paired, offered and run."""

import threading

import pytest

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.sources.pairs import pairs
from railwatch.services.ingest.sources.polling import Source, offer, run_sources
from railwatch.shared.bus import RetryPolicy
from railwatch.shared.errors import DependencyAwayError, TransientError, UnprocessableError
from railwatch.shared.health import Progress
from tests.support.ingest import Desk


def test_files_are_paired_by_name() -> None:
    names = ["b.json", "a.tif", "a.json", "a.tiff", "in/c.TIF", "in/c.json", ".d.tif", "e.tif.part", "f.png", "g.tif"]
    assert [(pair.geotiff, pair.metadata) for pair in pairs(names)] == [
        ("a.tif", "a.json"),
        ("a.tiff", None),
        (None, "b.json"),
        ("g.tif", None),
        ("in/c.TIF", "in/c.json"),
    ]


def test_a_mask_belongs_to_the_scene_that_it_is_named_for() -> None:
    masks = ["a_udm2.tif", "a-udm.tif", "a.cloud.TIF", "a_data_mask.tif", "a_cloud-mask-raster.tif"]
    others = ["a_udm2_cloud.tif", "b_udm2.tif", "c_mask.tif", "c_mask.json", "c.tif", "c.json"]
    found = {pair.subject: pair.masks for pair in pairs(["a.tif", "a.json", *masks, *others])}
    assert found.pop("a.tif") == tuple(sorted(masks))
    assert found == {"a_udm2_cloud.tif": (), "b_udm2.tif": (), "c_mask.tif": (), "c.tif": ()}


def test_a_dependency_that_is_away_is_waited_for_and_no_fault_of_the_source(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, polls = threading.Event(), []

    def poll(_: threading.Event) -> bool:
        polls.append(1)
        if len(polls) > 3:
            stop.set()
        raise DependencyAwayError("Redis does not answer.")

    monkeypatch.setattr(RetryPolicy, "wait_s", lambda *_: 0.001)
    faults = metrics.SOURCE_FAILURES.labels(source="stac")
    before = faults._value.get()
    Source("stac", poll, 3600, desk.turns("stac")).run(stop)
    assert len(polls) == 4, "it does not wait for an hour"
    assert faults._value.get() == before


def test_sources_are_looked_through_until_told_to_stop(desk: Desk) -> None:
    stop, progress = threading.Event(), Progress()
    looks: list[str] = []

    def flaky(_: threading.Event) -> bool:
        looks.append("flaky")
        raise TransientError("away") if looks.count("flaky") % 2 else ZeroDivisionError

    def steady(_: threading.Event) -> bool:
        looks.append("steady")
        if looks.count("steady") > 3 and looks.count("flaky") > 3:
            stop.set()
        return True

    run_sources(
        [Source(poll.__name__, poll, 0.001, desk.turns(poll.__name__)) for poll in (flaky, steady)], progress, stop
    )
    assert looks.count("flaky") > 3


def test_a_refusal_that_cannot_be_told_is_offered_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Intake, "refuse", broken)

    def refused() -> Receipt:
        raise UnprocessableError("file-missing", "There is none.")

    assert offer(desk.intake(), "a", "its id", "directory", refused) is None
