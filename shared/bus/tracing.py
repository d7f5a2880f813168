"""Spans of the work on scenes and records, for OpenTelemetry: each in the trace that their `traceparent` names.

They are made where the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` says where to send them;
OpenTelemetry's own variables set the rest. Elsewhere a trace is carried on as it came.
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
    """A span around the work in the block, which failed if the block raises.

    Args:
        service: which service does the work.
        name: what is done, of few values.
        kind: whether it is the work on a record, or what the first record of a trace comes from.
        origin: where the scene or record comes from; the span is a child of its trace, or begins one.
        attributes: of the span; two underscores in a name stand for a dot.

    Yields:
        The origin for what is made of it: the same, with the span as parent.
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
