"""`railwatch dead-letters`: what could not be processed is found, sent again through the same code, and marked."""

import threading
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.deadletter import MAX_VALUE_BYTES
from railwatch.shared.bus.letters import read_letters
from railwatch.shared.errors import RailwatchError, UnprocessableError
from railwatch.shared.events import CountEvent, DeadLetter, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.alerting import RECORDED
from tests.support.bus import TopicView, count_of, counter, eventually, tile, topic_view, working


class Detector:
    """A worker that can do nothing with tiles until it is repaired."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.repaired = threading.Event()
        self.worker = counter(kafka, self._handle, group="detector")

    def _handle(self, event: TileEvent) -> Sequence[CountEvent]:
        if not self.repaired.is_set():
            raise UnprocessableError("blob-missing", f"There is no blob of {event.scene}.")
        return [count_of(event)]


@pytest.fixture(autouse=True)
def settings(kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", kafka_settings.bootstrap_servers)
    monkeypatch.setenv("RAILWATCH_KAFKA_PREFIX", kafka_settings.prefix)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dead-letters", *arguments])


def refused_file(subject: str = "s.tif") -> DeadLetter:
    return DeadLetter(
        recorded_at=RECORDED, service="ingest", reason="format-unsupported", detail="No TIFF.", subject=subject
    )


def all_counted(counts: TopicView, *tiles: TileEvent) -> bool:
    return counts.ids() == {count_of(each).id for each in tiles}


def test_a_retried_letter_is_counted_and_marked(kafka_settings: KafkaSettings) -> None:
    first, second = tile(1), tile(2)
    detector = Detector(kafka_settings)
    with working(detector.worker), topic_view(kafka_settings, CountEvent) as counts:
        publisher = Publisher(kafka_settings)
        publisher.publish(first, second, refused_file())
        eventually(lambda: len(read_letters(kafka_settings)) == 3, "all have letters")

        listed = run("list", "--site", first.site)
        assert "2 blob-missing" in listed.output
        assert "format-unsupported" not in listed.output
        detector.repaired.set()
        done = run("retry", "--reason", "blob-missing", "--by", "the desk", "--why", "blob restored")
        assert done.exit_code == 0, done.output
        eventually(lambda: all_counted(counts, first, second), "both tiles are counted")

        assert "1 format-unsupported" in run("list").output
        assert "2 blob-missing" in run("list", "--all").output
        letter = next(each for each in read_letters(kafka_settings) if each.reason == "blob-missing")
        assert letter.settled is not None
        assert (letter.settled.how, letter.settled.by, letter.settled.why) == ("retried", "the desk", "blob restored")
        shown = run("show", letter.id[:8]).output
        assert "by the desk: blob restored" in shown
        assert f"record    {kafka_settings.prefix}railwatch.tiles.v1/" in shown
        again = run("retry", "--reason", "blob-missing")
        assert (again.exit_code, again.output) == (0, "No open dead letter is one of these: nothing was done.\n")


def test_a_retry_that_fails_again_has_a_new_letter(kafka_settings: KafkaSettings) -> None:
    detector = Detector(kafka_settings)
    with working(detector.worker):
        Publisher(kafka_settings).publish(tile(1))
        eventually(lambda: len(read_letters(kafka_settings)) == 1, "there is a letter")
        run("retry", "--reason", "blob-missing")
        eventually(lambda: len(read_letters(kafka_settings)) == 2, "there is another letter")
    states = [letter.settled.how if letter.settled else "open" for letter in read_letters(kafka_settings)]
    assert sorted(states) == ["open", "retried"]


def test_a_record_that_its_letter_does_not_hold_is_read_where_it_lies(kafka_settings: KafkaSettings) -> None:
    detector = Detector(kafka_settings)
    long = tile(1).model_copy(update={"tiles_in_scene": tuple(f"r{n}c{'0' * 60}" for n in range(4_500))})
    assert len(long.model_dump_json()) > MAX_VALUE_BYTES
    with working(detector.worker), topic_view(kafka_settings, CountEvent) as counts:
        Publisher(kafka_settings).publish(long)
        eventually(lambda: len(read_letters(kafka_settings)) == 1, "there is a letter")
        [letter] = read_letters(kafka_settings)
        assert letter.value_base64 is None
        detector.repaired.set()
        assert run("retry", letter.id).exit_code == 0
        eventually(lambda: all_counted(counts, long), "the tile is counted")


def test_a_dropped_letter_stays_with_who_and_why(kafka_settings: KafkaSettings) -> None:
    publisher = Publisher(kafka_settings)
    publisher.publish(refused_file())
    done = run("drop", "--reason", "format-unsupported", "--why", "not ours", "--by", "the desk")
    assert "dropped" in done.output
    assert "There are none." in run("list").output
    [letter] = read_letters(kafka_settings)
    assert letter.settled is not None
    assert (letter.settled.how, letter.settled.by, letter.settled.why) == ("dropped", "the desk", "not ours")
    assert "nothing was done" in run("drop", letter.id, "--why", "not ours").output
    publisher.publish(refused_file())
    assert "1 format-unsupported" in run("list").output, "it came again"


def test_a_file_that_never_was_in_kafka_cannot_be_retried(kafka_settings: KafkaSettings) -> None:
    Publisher(kafka_settings).publish(refused_file())
    done = run("retry", "--reason", "format-unsupported")
    assert done.exit_code == 1
    assert "s.tif never was in Kafka" in done.output
    assert "1 format-unsupported" in run("list").output


def test_letters_are_found_by_time_and_id(kafka_settings: KafkaSettings) -> None:
    letter = refused_file()
    Publisher(kafka_settings).publish(letter, refused_file("t.tif"))
    day = f"{RECORDED:%Y-%m-%d}"
    assert "2 format-unsupported" in run("list", "--from", day).output
    assert "There are none." in run("list", "--to", day).output
    assert "s.tif" in run("show", letter.id[:10]).output
    assert isinstance(run("show", "zz").exception, RailwatchError)
    assert run("retry").exit_code == 2
