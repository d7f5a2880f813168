"""OpenTelemetry's spans for the work on scenes and records, in the trace that the `traceparent` names.

They need the extra `otel`, and `OTEL_EXPORTER_OTLP_ENDPOINT` says where to send them. OpenTelemetry's other variables
are respected. Without them no span is made, and the `traceparent` is passed on unchanged.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Literal

import structlog

from railwatch.shared.bus.lineage import Lineage
from railwatch.shared.process import Service

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

log = structlog.get_logger(__name__)


@contextmanager
def span(
    service: Service, name: str, kind: Literal["producer", "consumer"], origin: Lineage, **attributes: str | int
) -> Iterator[Lineage]:
    """A span around the work in a block. If the block raises, the span is marked as failed.

    Args:
        service: which service does the work.
        name: what is done. Names are few: never an id.
        kind: `consumer` for work on a record, `producer` for work that makes the first record of a trace.
        origin: where the scene or record comes from. The span continues its trace, or begins one.
        attributes: the span's attributes. Two underscores in a name stand for a dot.

    Yields:
        The lineage for the events made in the block: the origin, with the span as parent.
    """
    tracer = _tracer(service)
    if tracer is None:
        yield origin
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    parent = propagator.extract({"traceparent": origin.traceparent or ""})
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span(name, parent, SpanKind[kind.upper()], named):
        carrier: dict[str, str] = {}
        propagator.inject(carrier)
        yield replace(origin, traceparent=carrier["traceparent"])


@cache
def _tracer(service: Service) -> "Tracer | None":
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no spans are sent: the extra `otel` is not installed", variable=ENDPOINT)
        return None
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"railwatch-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("railwatch")
