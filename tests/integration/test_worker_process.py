"""A service is killed or stopped in the middle of its work: nothing is lost, and every effect happens once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from railwatch.shared.bus import Publisher
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import PATIENCE_S, committed, count_of, eventually, tile, topic_view
from tests.support.worker_process import GROUP

TILES = [tile(number) for number in range(5)]
COUNTS = {count_of(event).id for event in TILES}


@contextmanager
def process(directory: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.worker_process", str(directory)]
    running = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_killed_between_produce_and_commit(
    kafka_environment: dict[str, str], kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    Publisher(kafka_settings).publish(*TILES)
    (tmp_path / "die").touch()
    with process(tmp_path, kafka_environment) as doomed:
        assert doomed.wait(PATIENCE_S) == -signal.SIGKILL
    assert committed(kafka_settings, GROUP, TileEvent) == {}
    (tmp_path / "die").unlink()

    with process(tmp_path, kafka_environment), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: len(counts.events()) >= len(TILES) + 1, "every tile is counted")

        written = [event.id for event in counts.events()]
        assert set(written) == COUNTS
        assert written.count(count_of(TILES[0]).id) == 2  # written twice, but under one id: one effect
        eventually(
            lambda: sum(committed(kafka_settings, GROUP, TileEvent).values()) == len(TILES), "all work is committed"
        )


def test_sigterm_in_the_middle_of_a_tile(
    kafka_environment: dict[str, str], kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    Publisher(kafka_settings).publish(*TILES)
    (tmp_path / "hold").touch()
    with process(tmp_path, kafka_environment) as first:
        eventually((tmp_path / "holding").exists, "the first tile is in hand")
        first.terminate()
        eventually((tmp_path / "told").exists, "it knows that it is to end")
        (tmp_path / "hold").unlink()
        assert first.wait(PATIENCE_S) == 0
    assert sum(committed(kafka_settings, GROUP, TileEvent).values()) == 1  # the work in hand, and no more

    with process(tmp_path, kafka_environment), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: counts.ids() == COUNTS, "every tile is counted")
        assert len(counts.events()) == len(TILES)  # none twice
