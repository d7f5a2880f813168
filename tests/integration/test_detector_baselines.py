"""Baselines over time: renewed from good looks, the same whoever does it, changed by people, rebuilt from topics."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
import pytest
import redis
from obstore.store import MemoryStore

from railwatch.services.detector import metrics
from railwatch.services.detector.answering import Answering
from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.composites.looks import Renewal
from railwatch.services.detector.decisions import Baseline
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.rebuild import rebuild_baselines
from railwatch.services.detector.renewal import Decision, Renewals, renewals_over
from railwatch.services.detector.settings import Settings
from railwatch.services.detector.work import Answer, DiedError, GoesOn, KeptGround, Look, always
from railwatch.shared.baseline_versions import kept_versions
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.counts import BaselineRef
from railwatch.shared.environment import load
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import BaselineChange, CountEvent, TileRole
from railwatch.shared.incarnation import rebuild_ends
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.detector import counts_made, handler_over
from tests.support.yard_looks import good_look_of, tile_of, write_site, yard

ANSWERS: dict[tuple[str, str | None], Answer] = {}

ANN = Decision("ann", "the first look was full of cars")


@pytest.fixture
def client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore(MemoryStore())


@pytest.fixture
def renewals(client: redis.Redis, blobs: BlobStore) -> Renewals:
    return renewals_over(blobs, client)


@pytest.fixture
def baseline(renewals: Renewals) -> Baseline:
    (cell,) = yard()[0].site.cells()
    return Baseline(renewals, yard()[0].site, cell, Answering(renewals.blobs.get, MAX_PIXELS))


def seen(renewals: Renewals, looks: int, origin: str = "first-good-look") -> None:
    """The first look is the baseline, and so many are kept."""
    renewals.baselines.adopt(tile_of(renewals.blobs, 0), origin, "ann", "an empty yard")  # type: ignore[arg-type]
    for number in range(looks):
        renewals.kept.keep("yard", "r0c0", good_look_of(renewals.blobs, number))


class Remembering(Answering):
    """Counts a look against a baseline once. In the runs of a test, the same is asked again and again."""

    def count(self, look: Look) -> Answer:
        asked = look.image.sha256, look.baseline.image.sha256 if look.baseline else None
        if asked not in ANSWERS:
            ANSWERS[asked] = super().count(look)
        return ANSWERS[asked]


class Questions:
    """Says that nothing waits, but for every so many questions."""

    def __init__(self, every: int) -> None:
        self._every, self._asked = every, 0

    def __call__(self) -> bool:
        self._asked += 1
        return self._asked % self._every > 0


def untimed(count: CountEvent) -> CountEvent:
    """A count without what two runs do not have in common."""
    result = count.result.model_copy(update={"timings_ms": {}})
    return count.model_copy(update={"result": result, "recorded_at": count.observed_at})


def versions(renewals: Renewals) -> list[BaselineRef | None]:
    return list(renewals.baselines.versions("yard", "r0c0").values())


def told(renewals: Renewals) -> list[tuple[str, int, str]]:
    return [(event.change.value, event.version, event.by) for event in renewals.baselines.unpublished()]


def test_a_yard_that_is_never_empty_gets_a_composite_and_no_look_is_counted_again(
    renewals: Renewals, client: redis.Redis, blobs: BlobStore
) -> None:
    handler = handler_over({"yard": yard()[0].site}, renewals, client)
    counted = [count for number in range(4) for count in counts_made(handler, tile_of(blobs, number))]

    assert [event.baseline.version if event.baseline else 0 for event in counted] == [0, 1, 1, 2]
    composite = counted[3].baseline
    assert composite is not None
    assert composite.origin == "composite"
    assert {look.scene for look in composite.looks} == {"look-1", "look-2", "look-3"}
    assert sum(look.share for look in composite.looks) == pytest.approx(1, abs=0.001)
    again = [counts_made(handler, tile_of(blobs, number))[0] for number in range(4)]
    assert [event.id for event in again] == [event.id for event in counted]
    assert [event.result.count for event in again] == [event.result.count for event in counted]


def test_replicas_in_turn_give_the_versions_that_one_gives(client: redis.Redis, blobs: BlobStore) -> None:
    def replay(replicas: int) -> list[BaselineRef | None]:
        client.flushall()
        handlers = [
            handler_over({"yard": yard()[0].site}, renewals_over(blobs, client), client) for _ in range(replicas)
        ]
        for number in range(5):
            counts_made(handlers[number % replicas], tile_of(blobs, number))
        return list(Baselines(client).versions("yard", "r0c0").values())

    alone = replay(1)

    assert len(alone) > 1
    assert replay(2) == alone


@pytest.mark.parametrize("given_by_an_operator", [False, True])
def test_a_baseline_that_is_renewed_ahead_is_the_one_that_the_next_look_would_have_brought_about(
    client: redis.Redis, blobs: BlobStore, given_by_an_operator: bool
) -> None:
    calculator = Remembering(blobs.get, MAX_PIXELS)

    def replay(goes_on: GoesOn) -> tuple[list[CountEvent], object, list[BaselineRef | None]]:
        client.flushall()
        renewals = renewals_over(blobs, client)
        handler = replace(handler_over({"yard": yard()[0].site}, renewals, client), calculator=calculator)
        counted = []
        for number in range(5):
            counted += counts_made(handler, tile_of(blobs, number))
            handler.renew_ahead(goes_on)
            if given_by_an_operator and number == 2:
                handler.handle(tile_of(blobs, 0).model_copy(update={"role": TileRole.BASELINE}))
        return [untimed(count) for count in counted], told(renewals), versions(renewals)

    just_before = replay(lambda: False)

    assert replay(always) == just_before
    assert replay(Questions(12)) == just_before, "and if it has to give way now and then"


def test_a_renewal_that_gave_way_is_done_once_nothing_waits(
    renewals: Renewals, client: redis.Redis, blobs: BlobStore
) -> None:
    handler = replace(
        handler_over({"yard": yard()[0].site}, renewals, client), calculator=Remembering(blobs.get, MAX_PIXELS)
    )
    for number in range(3):
        counts_made(handler, tile_of(blobs, number))

    handler.renew_ahead(Questions(4))
    assert len(versions(renewals)) == 1
    handler.renew_ahead(always)

    assert len(versions(renewals)) == 2
    assert renewals.kept.due_since("yard", "r0c0") is None


def test_a_renewal_that_comes_too_late_changes_nothing(renewals: Renewals, baseline: Baseline) -> None:
    answering = Answering(renewals.blobs.get, MAX_PIXELS)
    seen(renewals, 3, origin="operator")

    class Overtaken(Answering):
        """Another process renews the baseline meanwhile, and the next look is kept."""

        def renew(self, ground: KeptGround, goes_on: GoesOn = always) -> Renewal | None:
            renewals.renew_if_due(baseline.site, baseline.cell, answering)
            renewals.kept.keep("yard", "r0c0", good_look_of(renewals.blobs, 3))
            renewals.renew_if_due(baseline.site, baseline.cell, answering)
            return answering.renew(ground, goes_on)

    renewals.renew_if_due(baseline.site, baseline.cell, Overtaken(renewals.blobs.get, MAX_PIXELS))

    considered = [len(event.considered) for event in renewals.baselines.unpublished() if event.considered]
    assert considered == [3, 4]
    assert renewals.kept.due_since("yard", "r0c0") is None, "the fourth look stays considered"


def test_a_baseline_is_renewed_once_although_two_replicas_try(renewals: Renewals, baseline: Baseline) -> None:
    seen(renewals, 5)
    stale = renewals.baselines.versions("yard", "r0c0")
    first = renewals.renew(baseline.site, baseline.cell, Answering(renewals.blobs.get, MAX_PIXELS))
    assert first is not None
    assert first.change is BaselineChange.RENEWED

    assert not renewals.baselines.change(first.model_copy(update={"version": max(stale) + 1, "by": "another"}))
    assert [ref.version if ref else None for ref in versions(renewals)] == [1, 2]


def test_the_event_says_how_much_better_the_composite_is(renewals: Renewals, baseline: Baseline) -> None:
    seen(renewals, 5)
    before = metrics.BASELINE_RENEWALS.labels("yard", "closer-match")._value.get()

    event = renewals.renew(baseline.site, baseline.cell, Answering(renewals.blobs.get, MAX_PIXELS))

    assert event is not None
    assert event.measured is not None
    assert event.before is not None
    assert (event.by, event.why) == ("railwatch", "closer-match")
    assert event.measured.agreement > 1.2 * event.before.agreement
    assert event.measured.coverage > event.before.coverage
    assert metrics.BASELINE_RENEWALS.labels("yard", "closer-match")._value.get() == before + 1
    assert renewals.kept.due_since("yard", "r0c0") is None, "nothing new was kept since"


def test_what_an_operator_chose_stays_and_the_operator_is_told(renewals: Renewals, baseline: Baseline) -> None:
    seen(renewals, 5, origin="operator")
    event = renewals.renew(baseline.site, baseline.cell, Answering(renewals.blobs.get, MAX_PIXELS))
    renewals.outdated.report(["yard"])

    assert event is not None
    assert (event.change, event.version, event.why) == (BaselineChange.KEPT, 1, "operator-stands")
    assert metrics.SITE_OUTDATED_BASELINES.labels("yard")._value.get() == 1
    assert len(versions(renewals)) == 1

    decided = baseline.make_anew(ANN)
    renewals.outdated.report(["yard"])

    assert (decided.version, decided.by, decided.why) == (2, "ann", ANN.why)
    assert metrics.SITE_OUTDATED_BASELINES.labels("yard")._value.get() == 0


class Dying(Answering):
    """Dies over each composite, as a process may."""

    def renew(self, ground: KeptGround, goes_on: GoesOn = always) -> Renewal | None:
        raise DiedError("It took longer than 240 s.")


def test_a_composite_that_could_not_be_calculated_is_told_as_a_failure_and_the_baseline_stays(
    renewals: Renewals, baseline: Baseline
) -> None:
    seen(renewals, 5)
    event = renewals.renew(baseline.site, baseline.cell, Dying(renewals.blobs.get, MAX_PIXELS))

    assert event is not None
    assert (event.change, event.version, event.why) == (BaselineChange.KEPT, 1, "failed")
    assert len(versions(renewals)) == 1


def test_a_kept_look_whose_picture_is_gone_is_left_out(renewals: Renewals, baseline: Baseline) -> None:
    seen(renewals, 4)
    gone = good_look_of(BlobStore(MemoryStore()), 4)
    renewals.kept.keep("yard", "r0c0", gone)

    event = renewals.renew(baseline.site, baseline.cell, Answering(renewals.blobs.get, MAX_PIXELS), ANN)

    assert event is not None
    assert event.baseline is not None
    assert gone.image.sha256 not in event.considered
    assert gone.scene not in {look.scene for look in event.baseline.looks}


def test_a_forgotten_baseline_leaves_its_versions_and_begins_anew(
    renewals: Renewals, baseline: Baseline, client: redis.Redis, blobs: BlobStore
) -> None:
    seen(renewals, 3)
    event = baseline.forget(Decision("ann", "the yard was rebuilt"))

    assert (event.version, event.baseline) == (2, None)
    assert renewals.kept.of("yard", "r0c0") == []
    (counted,) = counts_made(handler_over({"yard": yard()[0].site}, renewals, client), tile_of(blobs, 3))
    assert counted.baseline is None
    assert counted.new_baseline is not None
    assert counted.new_baseline.version == 3
    assert [ref.version if ref else None for ref in versions(renewals)] == [1, None, 3]


def test_an_earlier_version_can_be_set_and_is_a_version_of_its_own(renewals: Renewals, baseline: Baseline) -> None:
    seen(renewals, 5)
    renewals.renew(baseline.site, baseline.cell, Answering(renewals.blobs.get, MAX_PIXELS))
    event = baseline.go_back(1, ANN)

    first, _, third = versions(renewals)
    assert first is not None
    assert third is not None
    assert third == event.baseline
    assert third.image == first.image
    assert (third.version, third.origin) == (3, "operator")
    assert told(renewals) == [("set", 1, "ann"), ("renewed", 2, "railwatch"), ("set", 3, "ann")]
    with pytest.raises(UnprocessableError, match="no picture of version 9"):
        baseline.go_back(9, ANN)


def test_every_door_keeps_the_name_of_the_token_with_which_a_picture_was_pushed(
    renewals: Renewals, baseline: Baseline
) -> None:
    first, second = (
        tile_of(renewals.blobs, number).model_copy(update={"sender": name})
        for number, name in enumerate(("provider", "archive"))
    )
    renewals.baselines.adopt(first, "operator", "ingest (api)", "sent as a baseline")
    baseline.take(second, ANN)
    baseline.go_back(1, ANN)

    senders = ["provider", "archive", "provider"]
    assert [ref.sender for ref in versions(renewals) if ref] == senders
    assert [event.baseline.sender for event in renewals.baselines.unpublished() if event.baseline] == senders


@pytest.fixture
def installation(
    tmp_path: Path,
    kafka_environment: dict[str, str],
    redis_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """The detector's settings in the environment, its site on disk, and its looks kept."""
    write_site(yard()[0].site, tmp_path / "sites")
    environment = {
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": f"file://{tmp_path}/blobs",
        "RAILWATCH_SITES_DIR": str(tmp_path / "sites"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load(Settings)
    client = connect(settings.redis)
    renewals = renewals_over(BlobStore.open(settings.blobs), client)
    seen(renewals, 3)
    rebuild_ends(client, "detector")
    return settings


def test_a_rebuild_gives_the_same_state(installation: Settings) -> None:
    client, blobs = connect(installation.redis), BlobStore.open(installation.blobs)
    client.flushall()
    renewals = renewals_over(blobs, client)
    handler, publisher = handler_over({"yard": yard()[0].site}, renewals, client), Publisher(installation.kafka)
    for number in range(4):
        publisher.publish(tile_of(blobs, number), *handler.handle(tile_of(blobs, number)))
    renewals.baselines.publish(publisher, blobs.objects)
    publisher.close()
    before, shown = state(client), kept_versions(blobs.objects, "yard")
    assert any("kept-looks" in name for name in before)
    assert [(event.version, event.why) for event in shown][:1] == [(1, "first-good-look")]
    client.flushall()
    for path in [found["path"] for chunk in obstore.list(blobs.objects, "baselines") for found in chunk]:
        obstore.delete(blobs.objects, path)

    list(rebuild_baselines(installation))

    assert state(client) == before
    assert kept_versions(blobs.objects, "yard") == shown, "the pages have what they had"


def state(client: Any) -> dict[str, object]:
    """What Redis holds of baselines."""
    kinds = {"hash": client.hgetall, "set": client.smembers, "string": client.get}
    names = client.keys("railwatch:detector:*")
    return {
        name: kinds[client.type(name)](name)
        for name in names
        if not any(part in name for part in ("incarnation", "unregistered"))
    }
