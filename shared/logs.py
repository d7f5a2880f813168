"""Logs: one JSON object a line on standard error, our own and the libraries' alike."""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.typing import EventDict, Processor

from railwatch.shared.settings import LogLevel

QUIET = {"kafka": logging.CRITICAL, "httpx": logging.WARNING, "httpcore": logging.WARNING, "rasterio": logging.WARNING}
"""What is kept of chatty libraries, at any level of ours. kafka-python calls every attempt to connect an error, several
times a second while Kafka is away; the worker and the publisher say it once. Its debug lines hold the bytes that it
sends, a SASL password among them."""


def configure_logging(service: str, level: LogLevel) -> None:
    """Send every log line of this process to standard error as JSON, marked with the service's name."""

    def mark(_logger: object, _method: str, line: EventDict) -> EventDict:
        return {**line, "service": service}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        mark,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, kept in QUIET.items():
        logging.getLogger(name).setLevel(kept)


def log_context(**fields: str) -> AbstractContextManager[object]:
    """Every line logged inside carries these fields, such as `event_id`, `site` and `tile`."""
    return structlog.contextvars.bound_contextvars(**fields)
