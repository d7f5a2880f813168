"""Traces: each accepted scene and each handled record gets a span, sent over OTLP, which published events continue."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status
from structlog.contextvars import get_contextvars

from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.shared.bus import Lineage, Publisher, lineage, tracing
from railwatch.shared.bus.codec import header_text
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent, DeadLetter, Event, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import count_of, counter, eventually, tile, topic_view, working
from tests.support.geotiff import NoiseScene
from tests.support.http_server import LOOPBACK, Quiet, serving
from tests.support.ingest import TOKEN, desk_over

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
METADATA = '{"observed_at": "2023-10-05T02:11:00Z"}'


class Collector(ThreadingHTTPServer):
    """Receives traces over OTLP on loopback."""

    def __init__(self) -> None:
        super().__init__(LOOPBACK, _Take)
        self.taken: list[ResourceSpans] = []

    def spans(self) -> list[Span]:
        """The spans so far."""
        return [span for taken in self.taken for scope in taken.scope_spans for span in scope.spans]


class _Take(Quiet, BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.taken.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    server = Collector()
    with serving(server) as url:
        monkeypatch.setenv(tracing.ENDPOINT, url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        tracing._tracer.cache_clear()
        yield server
        tracing._tracer.cache_clear()


def count_but_not_7(event: TileEvent) -> Sequence[Event]:
    if event.scene == "scene-7":
        raise UnprocessableError("not-that-one", "It is the seventh.")
    return [count_of(event)]


def publish_and_work(kafka: KafkaSettings, number: int) -> str:
    """The `traceparent` of the count that a worker makes of a tile of this trace."""
    publisher = Publisher(kafka)
    worker = counter(kafka, count_but_not_7, publisher=publisher)
    with lineage(Lineage(datetime.now(UTC), f"00-{TRACE}-{PARENT}-01")):
        publisher.publish(tile(number))
    with working(worker), topic_view(kafka, DeadLetter if number == 7 else CountEvent) as output:
        eventually(output.events, "the tile is handled")
        return header_text(output.records[0].headers).get("traceparent", "")


def test_a_span_is_sent_and_the_events_made_from_the_record_continue_it(
    collector: Collector, kafka_settings: KafkaSettings
) -> None:
    carried_on = publish_and_work(kafka_settings, 1)
    eventually(collector.spans, "the collector has the span")
    (span,) = collector.spans()
    assert span.name == "process railwatch.tiles.v1"
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert carried_on == f"00-{TRACE}-{span.span_id.hex()}-01"
    attributes = {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}
    assert attributes["railwatch.event_id"] == tile(1).id
    assert attributes["railwatch.site"] == "tumangang"
    assert attributes["messaging.kafka.offset"] == 0
    resource = {pair.key: pair.value.string_value for pair in collector.taken[0].resource.attributes}
    assert resource["service.name"] == "railwatch-detector"


def test_a_record_that_fails_has_a_span_that_says_so(collector: Collector, kafka_settings: KafkaSettings) -> None:
    publish_and_work(kafka_settings, 7)
    eventually(collector.spans, "the collector has the span")
    (span,) = collector.spans()
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert [event.name for event in span.events] == ["exception"]


def test_a_trace_goes_on_from_the_sender_of_a_scene_to_its_tiles(collector: Collector, tmp_path: Path) -> None:
    desk = desk_over(tmp_path)
    with TestClient(desk.app()) as client:
        for image in (NoiseScene().geotiff(), b"not a picture"):
            client.post(
                "/v1/scenes",
                headers={"Authorization": f"Bearer {TOKEN}", "traceparent": f"00-{TRACE}-{PARENT}-01"},
                files={"file": ("a.tif", image)},
                data={"metadata": METADATA},
            )
    eventually(lambda: len(collector.spans()) == 2, "the collector has the spans")
    taken, refused = collector.spans()
    assert (taken.name, taken.kind) == ("take scene", Span.SPAN_KIND_PRODUCER)
    assert (taken.trace_id.hex(), taken.parent_span_id.hex()) == (TRACE, PARENT)
    assert desk.origins[0] is not None
    assert desk.origins[0].traceparent == f"00-{TRACE}-{taken.span_id.hex()}-01"
    assert refused.status.code == Status.STATUS_CODE_ERROR
    resource = {pair.key: pair.value.string_value for pair in collector.taken[0].resource.attributes}
    assert resource["service.name"] == "railwatch-ingest"


def test_a_scene_that_railwatch_found_by_itself_begins_a_trace(collector: Collector, tmp_path: Path) -> None:
    desk = desk_over(tmp_path)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.tif").write_bytes(NoiseScene().geotiff())
    (tmp_path / "inbox" / "a.json").write_text(METADATA)
    inbox = WatchedDirectory("directory", tmp_path / "inbox", desk.intake())
    for _ in range(2):
        inbox.poll(threading.Event())
    eventually(collector.spans, "the collector has the span")
    (span,) = collector.spans()
    assert not span.parent_span_id
    assert desk.origins[0] is not None
    assert (desk.origins[0].traceparent or "").split("-")[1:3] == [span.trace_id.hex(), span.span_id.hex()]
    assert {pair.key: pair.value.string_value for pair in span.attributes} == {"railwatch.source": "directory"}


def test_log_lines_of_a_scene_or_record_carry_the_id_of_its_trace() -> None:
    with lineage(Lineage(datetime.now(UTC), f"00-{TRACE}-{PARENT}-01")):
        assert get_contextvars()["trace_id"] == TRACE
    with lineage(Lineage(datetime.now(UTC))):
        assert "trace_id" not in get_contextvars()


def test_without_an_endpoint_the_trace_is_passed_on_unchanged(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    tracing._tracer.cache_clear()
    assert publish_and_work(kafka_settings, 1) == f"00-{TRACE}-{PARENT}-01"
