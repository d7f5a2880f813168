"""Logs: one JSON object in each line on standard error, for our own messages and those of libraries."""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.typing import EventDict, Processor

from railwatch.shared.settings import LogLevel

# Our own loggers. Only they obey a lower level than INFO: what libraries say below it contains what they send, with
# tokens and passwords.
OURS = "railwatch"
# The levels of chatty libraries, whatever our own level is. kafka-python reports every attempt to connect as an error,
# several times a second while Kafka is away. The worker and the publisher report it once. httpx reports every address,
# which may hold a key. uvicorn reports every malformed request of a stranger.
QUIET = {
    "kafka": logging.CRITICAL,
    "httpx": logging.WARNING,
    "rasterio": logging.WARNING,
    "uvicorn.error": logging.ERROR,
}


def configure_logging(service: str, level: LogLevel) -> None:
    """Send every log line of this process to standard error as JSON, with the service's name."""

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
    logging.basicConfig(handlers=[handler], level=max(logging.INFO, logging.getLevelName(level)), force=True)
    logging.getLogger(OURS).setLevel(level)
    for name, kept in QUIET.items():
        logging.getLogger(name).setLevel(kept)


def log_context(**fields: str) -> AbstractContextManager[object]:
    """A block in which every log line has these fields, such as `event_id`, `site` and `tile`."""
    return structlog.contextvars.bound_contextvars(**fields)
