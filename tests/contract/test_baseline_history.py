"""Which baselines a site had, on its page: from when, of what, and why."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from railwatch.shared.baseline_versions import keep_version, keeping_versions, kept_versions
from railwatch.shared.counts import BaselineRef, MergedLook
from railwatch.shared.events import BaselineChange, BaselineEvent
from railwatch.shared.settings import RedisSettings
from tests.contract.test_alert_pages import HOSTILE, read
from tests.support.alerting import blob
from tests.support.watched import NOW, Watched, became, watched

COMPOSITE = BaselineRef(
    id="b2",
    version=2,
    image=blob("composite"),
    observed_at=NOW,
    scene="look-3",
    origin="composite",
    looks=tuple(MergedLook(sha256=f"{n}" * 64, observed_at=NOW, scene=f"look-{n}", share=0.5) for n in (2, 3)),
)


@pytest.fixture
def yard(redis_settings: RedisSettings) -> Watched:
    return watched(redis_settings, alert=False)


def shown(yard: Watched) -> str:
    return " ".join(read(TestClient(yard.app), "/sites/yard").text.split())


def test_each_version_is_shown_with_its_time_and_its_reason(yard: Watched) -> None:
    keep_version(yard.blobs.objects, became(COMPOSITE, NOW, why="more-ground"))
    text = shown(yard)
    assert "Baselines through time" in text
    first = "r0c0 1 the first good look the first good look 1 March 2022 Railwatch"
    second = "1 December 2023 r0c0 2 it shows more of the track than the one before merged from 2 looks"
    assert first in text, text
    assert second in text
    assert text.index(second) < text.index(first), "the newest first"
    assert "Not all changes" not in text


def test_a_persons_reason_is_in_their_own_words_and_no_markup(yard: Watched) -> None:
    event = became(COMPOSITE, NOW).model_copy(
        update={"change": BaselineChange.FORGOTTEN, "baseline": None, "by": "ada", "why": HOSTILE}
    )
    keep_version(yard.blobs.objects, event)
    text = shown(yard)
    assert f"r0c0 2 {HOSTILE} none until the next good look ada" in text


def test_what_the_page_cannot_know_it_says(yard: Watched) -> None:
    later = COMPOSITE.model_copy(update={"version": 7})
    keep_version(yard.blobs.objects, became(later, NOW, tile="r0c1"))
    assert "Not all changes of r0c1 are kept here:" in shown(yard)


def test_that_a_baseline_stayed_is_no_version(yard: Watched) -> None:
    before = kept_versions(yard.blobs.objects, "yard")
    keep_version(yard.blobs.objects, kept := _kept())
    assert list(keeping_versions(yard.blobs.objects, [kept, *before])) == [kept, *before]
    assert kept_versions(yard.blobs.objects, "yard") == before


def test_many_versions_are_folded(yard: Watched) -> None:
    for version in range(2, 15):
        ref = COMPOSITE.model_copy(update={"version": version, "id": f"b{version}"})
        keep_version(yard.blobs.objects, became(ref, NOW + timedelta(days=version)))
    assert "6 earlier" in shown(yard)


def _kept() -> BaselineEvent:
    return became(COMPOSITE, NOW, why="not-better").model_copy(update={"change": BaselineChange.KEPT})
