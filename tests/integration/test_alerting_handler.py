"""From counts to alert events, with the state in Redis."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore

from railwatch.services.alerting.acknowledgements import Act, acknowledge, silence
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule, State
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus.lineage import Lineage, lineage
from railwatch.shared.counts import RecallCheck
from railwatch.shared.errors import DependencyAwayError, NotStandingError, UnprocessableError
from railwatch.shared.events import Admission, AlertEvent, CountEvent, Transition
from railwatch.shared.events.acts import act_at_alerting
from railwatch.shared.metrics import registry
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, empty_archive, on_day, small_site
from tests.support.clock import Clock

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
SURGE = [count_event(61, 30), count_event(64, 70, spread=6)]
CALM = [count_event(67 + 3 * look, 7) for look in range(6)]
TWO_TILES = ("r0c0", "r0c1")
WAIT = timedelta(minutes=15)
PASS = timedelta(minutes=10)


@pytest.fixture
def redis_client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def clock() -> Clock:
    return Clock(RECORDED)


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client)


@pytest.fixture
def handler(store: Store, clock: Clock) -> CountHandler:
    return make_handler(store, clock)


def make_handler(store: Store, clock: Clock, archive: Archive | None = None) -> CountHandler:
    sites = {"tumangang": small_site(), "wide": small_site("wide", tile_size_m=1100)}
    return CountHandler(
        store,
        sites,
        Rule(minimum_coverage=0.4),
        WAIT,
        PASS,
        "https://railwatch.example/",
        clock,
        archive or empty_archive(),
    )


def handle(handler: CountHandler, *events: CountEvent) -> list[AlertEvent]:
    return [alert for event in events for alert in handler.handle(event)]


def transitions(events: Sequence[AlertEvent]) -> list[Transition]:
    return [event.transition for event in events]


def decisions(record: SiteRecord) -> list[dict[str, Any]]:
    return [look.model_dump(exclude={"archival"}) for look in record.history.judgements]


def tiles_of(day: float, west: float | None, east: float | None, **fields: Any) -> list[CountEvent]:
    counts = zip(TWO_TILES, (west, east), strict=True)
    return [
        count_event(day, count, site="wide", tile=tile, tiles=TWO_TILES, scene=f"scene-{day:g}", **fields)
        for tile, count in counts
    ]


def test_a_surge_opens_an_alert_with_all_that_a_consumer_needs(handler: CountHandler) -> None:
    assert handle(handler, *QUIET) == []
    opened, updated = handle(handler, *SURGE)
    assert transitions([opened, updated]) == [Transition.OPENED, Transition.UPDATED]
    assert opened.alert == updated.alert
    assert opened.opened_at == updated.opened_at == on_day(61)
    assert updated.look.count == 70
    assert updated.look.threshold is not None
    assert updated.look.threshold < 30
    assert [look.observed_at for look in updated.history][-1] == on_day(61)
    assert updated.onset is not None
    assert updated.sentence.startswith("Tumangang: 70 railcars (64 to 76) on 4 May 2023")
    assert updated.page_url == f"https://railwatch.example/alerts/{updated.alert}"
    (evidence,) = updated.evidence
    assert (evidence.tile, evidence.scene) == ("r0c0", "scene-64")
    assert evidence.pictures == SURGE[1].evidence
    assert evidence.baseline == SURGE[1].baseline


def test_a_count_is_in_the_archive_once_it_is_handled_and_one_that_is_refused_is_not(
    store: Store, clock: Clock
) -> None:
    archive = empty_archive()
    handler = make_handler(store, clock, archive)
    handler.handle(QUIET[0])
    with pytest.raises(UnprocessableError, match="do not fit"):
        handler.handle(count_event(1, 1e6))
    (kept,) = archive.scenes("tumangang")
    assert kept.counts == {"r0c0": QUIET[0]}


def test_a_count_that_cannot_be_archived_changes_nothing_and_is_handled_later(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    archive = Archive(LocalStore(tmp_path))
    handler = make_handler(store, clock, archive)
    (tmp_path / "counts").write_text("a file where the directory should be")
    with pytest.raises(DependencyAwayError):
        handler.handle(QUIET[0])
    assert store.record("tumangang") == SiteRecord()
    (tmp_path / "counts").unlink()
    handler.handle(QUIET[0])
    assert len(store.record("tumangang").history.judgements) == 1


def test_a_surge_that_ends_resolves_its_alert_once(handler: CountHandler) -> None:
    found = handle(handler, *QUIET, *SURGE, *CALM)
    assert transitions(found) == [Transition.OPENED, Transition.UPDATED, Transition.RESOLVED]
    assert [event.sequence for event in found] == [1, 2, 3]


def test_a_count_delivered_again_changes_nothing_and_its_events_wait_until_they_are_published(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    first = handle(handler, *QUIET, *SURGE)
    before = store.record("tumangang")
    clock.turn(hours=1)
    assert handle(make_handler(store, clock), *QUIET, *SURGE) == []
    assert store.outbox("tumangang") == first
    assert store.record("tumangang") == before


def test_a_count_made_again_by_the_detector_gives_no_event(handler: CountHandler) -> None:
    handle(handler, *QUIET, *SURGE)
    made_again = SURGE[1].model_copy(update={"recorded_at": RECORDED + timedelta(hours=2)})
    assert handle(handler, made_again) == []


def test_a_corrected_count_retracts_the_alert_that_it_had_raised(handler: CountHandler) -> None:
    (opened,) = handle(handler, *QUIET, SURGE[0])
    corrected = count_event(61, 8, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
    (retracted,) = handle(handler, corrected)
    assert (retracted.alert, retracted.sequence) == (opened.alert, 2)
    assert retracted.transition is Transition.RETRACTED
    assert retracted.reason == "The count of 1 May 2023 was corrected from 30 to 8."


def test_the_old_count_arriving_after_its_correction_changes_nothing(handler: CountHandler, store: Store) -> None:
    corrected = count_event(61, 8, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
    assert handle(handler, *QUIET, corrected, SURGE[0]) == []
    assert store.record("tumangang").history.judgements[-1].count == 8


def test_an_archival_look_enters_history_at_its_place_without_an_alert(handler: CountHandler, store: Store) -> None:
    assert handle(handler, *QUIET, *CALM) == []
    assert handle(handler, SURGE[0]) == []
    looks = store.record("tumangang").history.judgements
    times = [look.observed_at for look in looks]
    assert times == sorted(times)
    (late,) = [look for look in looks if look.scene == SURGE[0].scene]
    assert late.archival
    assert late.exceeds


def test_the_past_of_a_site_notifies_nobody_and_the_first_new_look_is_judged_by_it(
    handler: CountHandler, store: Store
) -> None:
    past = [count.model_copy(update={"archival": True}) for count in (*QUIET, *SURGE)]
    assert handle(handler, *past) == []
    looks = store.record("tumangang").history.judgements
    assert len(looks) == len(past)
    assert all(look.archival for look in looks)
    assert looks[-1].exceeds
    (opened,) = handle(handler, count_event(70, 60))
    assert opened.transition is Transition.OPENED


def test_what_is_from_an_archive_waits_for_no_other_tile(handler: CountHandler, store: Store) -> None:
    west, east = (count.model_copy(update={"archival": True}) for count in tiles_of(1, 3, 4))
    handle(handler, west)
    assert [look.missing_tiles for look in store.record("wide").history.judgements] == [(east.tile,)]
    handle(handler, east)
    (look,) = store.record("wide").history.judgements
    assert (look.count, look.missing_tiles, look.archival) == (7, (), True)


def test_a_scene_waits_for_all_its_tiles(handler: CountHandler, store: Store) -> None:
    west, east = tiles_of(1, 3, 4)
    handle(handler, west)
    assert not store.record("wide").history.judgements
    handle(handler, east)
    (look,) = store.record("wide").history.judgements
    assert look.count == 7


def test_the_time_from_arrival_to_judgement_is_measured_once_for_each_look(handler: CountHandler, clock: Clock) -> None:
    def measured() -> tuple[float, float]:
        value = registry("alerting").get_sample_value
        return value("railwatch_look_judged_seconds_count") or 0, value("railwatch_look_judged_seconds_sum") or 0

    looks, seconds = measured()
    west, east = tiles_of(1, 3, 4)
    with lineage(Lineage(arrived_at=clock() - timedelta(minutes=20))):
        handle(handler, west)
        assert measured() == (looks, seconds), "its other tile is waited for"
        clock.turn(minutes=10)
        handle(handler, east, east)
    assert measured() == pytest.approx((looks + 1, seconds + 1800))
    handle(handler, tiles_of(1, 5, 4)[0], tiles_of(2, 1, 1)[0].model_copy(update={"archival": True}))
    assert measured()[0] == looks + 1, "neither a correction nor an archive counts"
    handle(handler, tiles_of(4, 1, 1)[0])
    clock.turn(minutes=16)
    handler.settle_due()
    assert measured() == pytest.approx((looks + 2, seconds + 1800 + 960))


def quiet_wide() -> list[CountEvent]:
    return [tile for look in range(20) for tile in tiles_of(3 * look, 2 + look % 3, 4 + look % 4)]


def test_a_scene_waits_no_longer_than_its_limit_and_says_what_is_missing(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    handle(handler, *quiet_wide())
    assert handle(handler, tiles_of(61, 40, 30)[0]) == []
    handler.settle_due()
    assert store.outbox("wide") == []
    clock.turn(minutes=15)
    handler.settle_due()
    (opened,) = store.outbox("wide")
    assert isinstance(opened, AlertEvent)
    assert opened.missing_tiles == ("r0c1",)
    assert "Not counted in time: tile r0c1." in opened.sentence
    assert opened.look.coverage == pytest.approx(0.5, abs=0.01)

    (updated,) = handle(handler, tiles_of(61, 40, 30)[1])
    assert (updated.alert, updated.look.count, updated.missing_tiles) == (opened.alert, 70, ())
    assert [item.tile for item in updated.evidence] == ["r0c0", "r0c1"]
    handler.settle_due()
    assert store.outbox("wide") == [opened, updated]


def test_what_a_deadline_brought_about_is_kept_until_it_is_published(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    handle(handler, *quiet_wide(), tiles_of(61, 40, 30)[0])
    clock.turn(minutes=15)
    handler.settle_due()
    make_handler(store, clock).settle_due()
    (opened,) = store.outbox("wide")
    assert isinstance(opened, AlertEvent)
    assert opened.transition is Transition.OPENED
    store.published("wide", [opened])
    make_handler(store, clock).settle_due()
    assert store.outbox("wide") == []


def contents(client: redis.Redis) -> dict[str, Any]:
    return {str(name): client.dump(name) for name in client.scan_iter()}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (count_event(70, 10, site="nowhere"), "unknown-site"),
        (count_event(70, 1e6), "implausible-count"),
        (count_event(70, 10, tile="r5c5", tiles=("r5c5",)), "unknown-tile"),
        (count_event(99_999, 10), "observed-in-future"),
    ],
)
def test_a_poisoned_count_is_refused_and_leaves_no_trace(
    handler: CountHandler, redis_client: redis.Redis, event: CountEvent, reason: str
) -> None:
    handle(handler, *QUIET)
    before = contents(redis_client)
    with pytest.raises(UnprocessableError) as refusal:
        handler.handle(event)
    assert refusal.value.reason == reason
    assert contents(redis_client) == before


def test_two_processes_with_one_site_do_not_lose_each_others_counts(store: Store, clock: Clock) -> None:
    halves = [quiet_wide()[0::2], quiet_wide()[1::2]]
    threads = [threading.Thread(target=handle, args=(make_handler(store, clock), *half)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looks = store.record("wide").history.judgements
    assert len(looks) == 20
    assert all(look.missing_tiles == () for look in looks)


CORRECTION = count_event(30, 12, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
STORY = [*QUIET, CORRECTION, *SURGE, *CALM]


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=5))
def test_the_same_counts_in_any_order_and_however_often_give_the_same_history(
    redis_client: redis.Redis, shuffled: list[CountEvent], repeated: list[CountEvent]
) -> None:
    found = []
    for order in (STORY, [*shuffled, *repeated]):
        redis_client.flushall()
        store = Store(redis_client)
        handle(make_handler(store, Clock(RECORDED)), *order)
        found.append(store.record("tumangang"))
    assert decisions(found[0]) == decisions(found[1])
    assert State.ALERT in {look.state for look in found[0].history.judgements}


def test_a_silenced_alert_goes_on_with_its_life(handler: CountHandler, store: Store, clock: Clock) -> None:
    (opened,) = handle(handler, *QUIET, SURGE[0])
    silenced = silence(store, opened, Act("Ada", "", None, clock()), clock() + timedelta(days=1))
    assert store.outbox("tumangang") == [opened, silenced, act_at_alerting(silenced, Admission.TOKEN)]
    assert store.silenced_until(opened.alert) == clock() + timedelta(days=1)
    assert (silenced.sequence, silenced.look, silenced.evidence) == (2, opened.look, opened.evidence)
    updated, resolved = handle(handler, SURGE[1], *CALM)
    assert [(event.alert, event.sequence) for event in (updated, resolved)] == [(opened.alert, 3), (opened.alert, 4)]
    assert updated.until is None
    with pytest.raises(NotStandingError):
        acknowledge(store, opened, Act("Ada", "", None, clock()))


def test_cars_that_were_painted_to_test_the_detector_change_no_decision(
    handler: CountHandler, store: Store, redis_client: redis.Redis
) -> None:
    looks = QUIET + SURGE + CALM
    plain = handle(handler, *looks)
    decided = decisions(store.record("tumangang"))
    redis_client.flushdb()

    checked = [look.model_copy(update={"recall": RecallCheck(injected=900, recovered=900)}) for look in looks]
    alerts = handle(handler, *checked)

    assert plain
    assert alerts == plain
    assert decisions(store.record("tumangang")) == decided
