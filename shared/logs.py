"""Logs: one JSON object in each line on standard error, for our own messages and those of libraries."""

import faulthandler
import logging
import os
import sys
import threading
from contextlib import AbstractContextManager

import structlog
from structlog.typing import EventDict, Processor

from railwatch.shared.settings import LogLevel
from railwatch.shared.text import plain

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

# Characters of a line of a native library.
MAX_NATIVE_LINE = 2_000


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


def catch_native_lines() -> None:
    """Send what native libraries write to standard error into the log, too: one warning for each line.

    GDAL, libtiff and onnxruntime write some lines to the file descriptor 2, past Python's logging and in no form. The
    descriptor becomes a pipe that a thread reads. `sys.stderr` goes on to where standard error leads, so this is called
    before `configure_logging`. If native code crashes, its last line may be lost; Python's trace of the crash is not.
    """
    real = os.dup(2)
    sys.stderr = os.fdopen(real, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    faulthandler.enable(sys.stderr)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    threading.Thread(target=_log_lines, args=(reading,), name="native-lines", daemon=True).start()


def _log_lines(reading: int) -> None:
    log = structlog.get_logger("native")
    with os.fdopen(reading, encoding="utf-8", errors="backslashreplace") as lines:
        while line := lines.readline(MAX_NATIVE_LINE):
            if text := plain(line.strip(), MAX_NATIVE_LINE):
                log.warning(text)
