"""Rebuilding alerting's state from the topics."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.delivery.deliver import delivered_key
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.groups import GROUP, group_to
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.healing import keep_whole
from railwatch.services.alerting.rebuild import Rebuilt, fill_archive, rebuild
from railwatch.services.alerting.settings import Settings, WebhookSettings
from railwatch.services.alerting.state.keys import REBUILDING
from railwatch.services.alerting.state.schema_version import holds_state
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import count_worker, now
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.offsets import begin_group
from railwatch.shared.errors import TransientError
from railwatch.shared.events import AlertEvent, CountEvent, Found, VerdictKind
from railwatch.shared.health import Progress
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.lease import Lease
from railwatch.shared.metrics import registry
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.sites import known_sites, live_sites
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, frame_event, on_day, write_site
from tests.support.bus import committed, eventually, topic_view, working

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
CORRECTED = count_event(30, 12, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
SURGE = [count_event(61, 30), count_event(64, 70, spread=6)]
POISON = [count_event(62, 1e6), count_event(62, 3, site="nowhere")]


@pytest.fixture
def settings(tmp_path: Path, kafka_settings: KafkaSettings, redis_settings: RedisSettings) -> Settings:
    return Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url=f"file://{tmp_path}/blobs"),
        sites=SiteSettings(dir=write_site(tmp_path / "sites")),
    )


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


@pytest.fixture
def handler(settings: Settings) -> CountHandler:
    alerting = settings.alerting
    store = Store(connect(settings.redis))
    return CountHandler(
        store,
        known_sites(settings).sites,
        alerting.rule,
        alerting.scene_wait,
        alerting.pass_span,
        alerting.public_url,
        now,
        Archive.open(settings.blobs),
    )


def take(handler: CountHandler, publisher: Publisher, *counts: CountEvent) -> list[AlertEvent]:
    """Take counts in as the running service does."""
    publisher.publish(*counts)
    alerts = [alert for count in counts for alert in handler.handle(count)]
    publisher.publish(*alerts)
    return alerts


def test_a_wiped_redis_is_rebuilt_without_any_new_event(
    settings: Settings, handler: CountHandler, publisher: Publisher, kafka_settings: KafkaSettings
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    announced = take(handler, publisher, *QUIET, CORRECTED, SURGE[0])
    publisher.publish(*POISON)
    before = store.record("tumangang"), store.statuses(), store.standing(), store.alert(announced[0].alert)
    client.flushall()

    with topic_view(kafka_settings, AlertEvent) as alerts:
        assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=21, alerts=1)]
        assert alerts.ids() == {event.id for event in announced}
    after = store.record("tumangang"), store.statuses(), store.standing(), store.alert(announced[0].alert)
    assert after == before

    assert handler.handle(SURGE[0]) == ()
    (updated,) = handler.handle(SURGE[1])
    assert (updated.alert, updated.sequence) == (announced[0].alert, 2)
    assert updated.evidence[0].pictures == SURGE[1].evidence


def test_what_came_late_is_marked_so_again_and_what_was_corrected_is_not(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    late = count_event(10.5, 8)
    take(handler, publisher, *QUIET, late, CORRECTED, SURGE[0], count_event(20.5, 9))
    before = store.record("tumangang")
    assert [look.scene for look in before.history.judgements if look.archival] == ["scene-10.5", "scene-20.5"]
    client.flushall()

    list(rebuild(settings))

    assert store.record("tumangang") == before


def judge(settings: Settings, publisher: Publisher, scene: str, total: int) -> None:
    """Say how many cars a look has, as the API does."""
    store, site = Store(connect(settings.redis)), known_sites(settings).sites["tumangang"]
    look = store.record("tumangang").history.of_scene(scene)
    assert look is not None
    about = About(
        site,
        look.scenes,
        None,
        look.observed_at,
        Found(count=look.count, low=look.low, high=look.high),
        "https://railwatch.example/",
    )
    say(store, about, Said(VerdictKind.TOTAL, "Ada", "desk", now(), total=total))
    Announcer(store, publisher).publish("tumangang")


def test_what_people_said_and_what_it_taught_is_rebuilt_as_it_was(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    take(handler, publisher, *QUIET)
    for count in QUIET[:5]:
        judge(settings, publisher, count.scene, 4 + round(count.result.count or 0))
    take(handler, publisher, count_event(63, 9, recorded_at=now()))
    judge(settings, publisher, QUIET[7].scene, 30)
    take(handler, publisher, count_event(66, 9, recorded_at=now()))
    before = store.record("tumangang"), store.verdicts("tumangang"), store.all_taught()
    client.flushall()

    list(rebuild(settings))

    assert (store.record("tumangang"), store.verdicts("tumangang"), store.all_taught()) == before
    *_, quiet, one, other = store.record("tumangang").history.judgements
    assert quiet.recalibrated is None
    assert one.recalibrated is not None
    assert other.recalibrated is not None
    assert (one.recalibrated.verdicts, other.recalibrated.verdicts) == (5, 6)
    assert (one.count, one.low, one.high) == (9.0, 7.0, 11.0)
    assert one.threshold == pytest.approx(quiet.threshold, rel=0.2), "verdicts do not move the threshold"


def test_an_alert_that_was_decided_but_not_announced_before_the_state_was_lost_is_announced_now(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    take(handler, publisher, *QUIET)
    publisher.publish(SURGE[0])
    (decided,) = handler.handle(SURGE[0])
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    client.flushall()

    list(rebuild(settings))

    (opened,) = store.outbox("tumangang")
    assert isinstance(opened, AlertEvent)
    assert (opened.id, opened.look, opened.evidence) == (decided.id, decided.look, decided.evidence)
    assert handler.handle(SURGE[0]) == ()
    assert len(store.outbox("tumangang")) == 1


def test_the_archive_is_filled_with_what_was_taken_in_before_there_was_one(
    settings: Settings, publisher: Publisher
) -> None:
    publisher.publish(*QUIET, CORRECTED, *POISON)
    archive = Archive.open(settings.blobs)
    assert fill_archive(settings) == len(QUIET) + 1
    valid = {event.scene: event for event in (*QUIET, CORRECTED)}
    assert {scene.scene: scene.counts["r0c0"] for scene in archive.scenes("tumangang")} == valid
    assert fill_archive(settings) == 0


def commit_counts(settings: Settings) -> None:
    """Commit all counts that the topic holds as handled."""
    assert begin_group(settings.kafka, GROUP, CountEvent, since=None)


def test_counts_that_waited_are_handled_after_a_rebuild_step_by_step(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    take(handler, publisher, *QUIET)
    commit_counts(settings)
    later = now() + timedelta(days=1)
    waiting = [count_event(day, count, recorded_at=later) for day, count in ((61, 60), (64, 5), (67, 5), (70, 5))]
    publisher.publish(*waiting)
    client = connect(settings.redis)
    client.flushall()

    assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=20, alerts=0)]

    transitions = [alert.transition for count in waiting for alert in handler.handle(count)]
    assert transitions == ["opened", "resolved"], "an alert that began and ended meanwhile is not lost"


def test_counts_that_waited_while_consumers_were_told_of_others_are_handled_step_by_step_too(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    take(handler, publisher, *QUIET)
    commit_counts(settings)
    before = now() - timedelta(hours=1)
    waiting = [count_event(day, count, recorded_at=before) for day, count in ((64, 5), (67, 5), (70, 60), (73, 5))]
    (opened,) = take(handler, publisher, count_event(61, 60, recorded_at=before))
    publisher.publish(*waiting)
    connect(settings.redis).flushall()

    assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=21, alerts=1)]

    steps = [(alert.opened_at, alert.transition) for count in waiting for alert in handler.handle(count)]
    assert steps[0] == (opened.opened_at, "resolved")
    assert (on_day(70), "opened") in steps, "an alert that began and ended meanwhile is not lost"


def test_a_count_that_brought_an_alert_about_but_was_not_committed_is_rebuilt_with_it(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    take(handler, publisher, *QUIET)
    commit_counts(settings)
    (opened,) = take(handler, publisher, SURGE[0])
    connect(settings.redis).flushall()

    assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=21, alerts=1)]

    store = Store(connect(settings.redis))
    assert store.outbox("tumangang") == [], "nothing is announced, and nothing retracted"
    assert store.standing() == [opened]


def test_what_receivers_were_sent_is_noted_again(
    settings: Settings, handler: CountHandler, publisher: Publisher, kafka_settings: KafkaSettings
) -> None:
    urls, secrets = {"desk": "http://127.0.0.1:9/hook"}, {"desk": "a secret of the desk"}
    webhooks = WebhookSettings.model_validate({"urls": urls, "secrets": secrets})
    settings = settings.model_copy(update={"webhook": webhooks})
    (sent,) = take(handler, publisher, *QUIET, SURGE[0])
    assert begin_group(kafka_settings, group_to("desk"), AlertEvent, since=None)  # behind what was sent
    (waits,) = take(handler, publisher, SURGE[1])
    client = connect(settings.redis)
    client.flushall()

    list(rebuild(settings))

    assert client.exists(delivered_key("desk", sent))
    assert not client.exists(delivered_key("desk", waits))


def test_one_process_rebuilds_at_a_time_and_one_that_stalled_does_not_go_on(
    settings: Settings, handler: CountHandler, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(handler, publisher, *QUIET)
    client = connect(settings.redis)
    lease = Lease(client, REBUILDING, 60.0)
    assert lease.take()
    with pytest.raises(TransientError, match="Another process"):
        list(rebuild(settings))
    lease.release()

    monkeypatch.setattr("railwatch.services.alerting.rebuild.RENEW_EVERY_S", 0.0)
    stalled = rebuild(settings)
    next(stalled)
    client.delete(REBUILDING)  # as if it had stalled for longer than it may
    assert Lease(client, REBUILDING, 60.0).take()
    with pytest.raises(TransientError, match="Another process has begun"):
        list(stalled)
    assert client.hget("railwatch:alerting:incarnation", "lost") == "a rebuild has not ended"


def test_alerting_rebuilds_state_that_was_lost_by_itself(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    (opened,) = take(handler, publisher, *QUIET, SURGE[0])
    client, stop = connect(settings.redis), Event()
    incarnation = Incarnation(client, "alerting", lambda: holds_state(client), lambda: True)
    incarnation.require()
    done = registry("alerting").get_sample_value("railwatch_rebuilds_total", {"outcome": "done"}) or 0.0
    client.flushall()
    healing = Thread(target=keep_whole, args=(settings, client, incarnation, stop))
    healing.start()
    try:
        eventually(lambda: not incarnation.intact(), "it sees that state was lost")
        eventually(incarnation.intact, "it rebuilds")
        eventually(
            lambda: registry("alerting").get_sample_value("railwatch_rebuilds_total", {"outcome": "done"}) == done + 1,
            "the metric tells",
        )
    finally:
        stop.set()
        healing.join()
    assert Store(client).standing() == [opened]


def test_a_process_that_is_told_to_end_leaves_its_rebuild_to_another_at_once(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    (opened,) = take(handler, publisher, *QUIET, SURGE[0])
    client, stop = connect(settings.redis), Event()
    client.flushall()
    ended = rebuild(settings, stop)
    next(ended)
    assert client.exists(REBUILDING)
    stop.set()
    with pytest.raises(TransientError, match="This process ends"):
        list(ended)
    assert not client.exists(REBUILDING)
    assert client.hget("railwatch:alerting:incarnation", "lost") == "a rebuild has not ended"

    list(rebuild(settings))

    assert client.hget("railwatch:alerting:incarnation", "lost") is None
    assert Store(client).standing() == [opened]


def test_a_process_that_heals_itself_gives_the_lease_back_when_it_is_told_to_end(
    settings: Settings, handler: CountHandler, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(handler, publisher, *QUIET)
    client, stop = connect(settings.redis), Event()
    incarnation = Incarnation(client, "alerting", lambda: holds_state(client), lambda: True)
    client.flushall()
    held: list[object] = []

    def told(*_: object) -> dict[int, int]:
        held.append(client.exists(REBUILDING))
        stop.set()
        return {}

    monkeypatch.setattr("railwatch.services.alerting.rebuild.ends_of", told)
    keep_whole(settings, client, incarnation, stop)

    assert held, "the rebuild had begun"
    assert not client.exists(REBUILDING)


def test_a_command_that_is_ended_gives_its_lease_back(
    settings: Settings, handler: CountHandler, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(handler, publisher, *QUIET)
    client, held = connect(settings.redis), []

    def ended(*_: object) -> None:
        held.append(client.exists(REBUILDING))
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("railwatch.services.alerting.rebuild.ends_of", ended)
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "KAFKA_PREFIX": settings.kafka.prefix,
        "REDIS_URL": str(settings.redis.url),
        "BLOBS_URL": settings.blobs.url,
        "SITES_DIR": str(settings.sites.dir),
    }.items():
        monkeypatch.setenv(f"RAILWATCH_{name}", value)
    before = signal.getsignal(signal.SIGTERM)
    try:
        result = CliRunner().invoke(app, ["rebuild", "alerting", "--by", "ann"])
    finally:
        signal.signal(signal.SIGTERM, before)

    assert result.exit_code != 0
    assert held == [1]
    assert not client.exists(REBUILDING)


def test_the_frames_of_a_pass_are_rebuilt_as_one_look(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    cars = [14.0 * car for car in range(1, 60)]
    frames = [frame_event(61, part, cars, minute=part[0] / 1000) for part in ((0, 900), (850, 2000))]
    (opened,) = take(handler, publisher, *QUIET, *frames)
    before = store.record("tumangang"), store.statuses()
    assert before[0].history.judgements[-1].frames == ("frame-61-0", "frame-61-850")
    client.flushall()

    list(rebuild(settings))

    assert (store.record("tumangang"), store.statuses()) == before
    (evidence,) = store.transact("tumangang", lambda transaction: transaction.evidence("frame-61-850")).values()
    assert evidence == opened.evidence[1]


def test_a_scene_that_waits_for_its_tiles_waits_on(settings: Settings, publisher: Publisher) -> None:
    site_file = Path(settings.sites.dir) / "tumangang.yaml"
    site_file.write_text(site_file.read_text().replace("tile_size_m: 3000", "tile_size_m: 1100"))
    tiles = ("r0c0", "r0c1")
    present = now()
    publisher.publish(
        count_event(1, 5, tile="r0c1", tiles=tiles, recorded_at=present - timedelta(hours=1)),
        count_event(2, 5, tile="r0c1", tiles=tiles, recorded_at=present),
    )
    list(rebuild(settings))
    store = Store(connect(settings.redis))
    (look,) = store.record("tumangang").history.judgements
    assert (look.scene, look.missing_tiles) == ("scene-1", ("r0c0",))
    assert store.due(present) == []
    assert store.due(present + timedelta(minutes=16)) == [("tumangang", "scene-2")]


def test_what_was_handled_and_not_committed_before_the_state_was_lost_is_handled_again(
    settings: Settings, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    site_file = Path(settings.sites.dir) / "tumangang.yaml"
    site_file.write_text(site_file.read_text().replace("tile_size_m: 3000", "tile_size_m: 1100"))
    client = connect(settings.redis)
    store, tiles = Store(client), ("r0c0", "r0c1")
    incarnation = Incarnation(client, "alerting", lambda: holds_state(client), lambda: False)
    halves = [
        count_event(day, cars, tile=tile, tiles=tiles)
        for day, cars in [*((3 * look, 3 + look % 2) for look in range(20)), (61, 30)]
        for tile in tiles
    ]
    kafka_hears = Event()
    commit = KafkaConsumer.commit

    def while_kafka_hears(consumer: KafkaConsumer, *args: object, **kwargs: object) -> object:
        if not kafka_hears.is_set():
            raise KafkaTimeoutError("Kafka does not answer")
        return commit(consumer, *args, **kwargs)

    worker = count_worker(
        settings,
        live_sites(settings),
        client,
        store,
        Archive.open(settings.blobs),
        incarnation,
        Announcer(store, publisher),
        publisher,
        Progress(),
    )
    kafka_hears.set()
    monkeypatch.setattr(KafkaConsumer, "commit", while_kafka_hears)
    with working(worker):
        publisher.publish(*halves[:-2])
        eventually(
            lambda: sum(committed(settings.kafka, GROUP, CountEvent).values()) == 40, "the quiet looks are committed"
        )
        kafka_hears.clear()
        publisher.publish(halves[-2])
        eventually(lambda: store.transact("tumangang", lambda of: of.scene("scene-61")), "half a look is handled")
        client.flushall()
        list(rebuild(settings))
        kafka_hears.set()
        eventually(lambda: sum(committed(settings.kafka, GROUP, CountEvent).values()) == 41, "half a look is committed")
        publisher.publish(halves[-1])
        eventually(store.standing, "the look is whole, and opens an alert")
