"""Static members of a group: a restart causes no rebalance."""

from collections.abc import Mapping, Sequence
from typing import Any

from structlog.testing import capture_logs

from railwatch.shared.bus import Publisher, Worker
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.conftest import PARTITIONS
from tests.support.bus import count_of, counter, eventually, tile, topic_view, working


def member(kafka: KafkaSettings, instance: str) -> Worker[TileEvent]:
    return counter(kafka.model_copy(update={"instance_id": instance, "session_timeout_ms": 45_000}))


def test_a_restart_causes_no_rebalance_and_costs_no_tile(kafka_settings: KafkaSettings) -> None:
    publisher, sites = Publisher(kafka_settings), [f"site-{number}" for number in range(20)]
    with topic_view(kafka_settings, CountEvent) as counts, working(member(kafka_settings, "detector-0")):
        with capture_logs() as joined, working(member(kafka_settings, "detector-1")):
            eventually(lambda: {len(each) for each in assigned(joined)[-2:]} == {PARTITIONS // 2}, "each has its half")
        with capture_logs() as logs:
            publisher.publish(*(tile(1, site) for site in sites))
            again = member(kafka_settings, "detector-1")
            with working(again):
                eventually(again.ready, "it is back")
                expected = {count_of(tile(1, site)).id for site in sites}
                eventually(lambda: counts.ids() == expected, "all tiles are counted")
    assert len(assigned(logs)) == 1, "only the one that restarted was told its partitions"


def assigned(logs: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """The partitions of each assignment in the log."""
    return [line["partitions"] for line in logs if line["event"] == "partitions assigned"]
