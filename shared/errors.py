"""The errors that Railwatch raises on purpose, all of them.

    RailwatchError
    ├── TransientError            outside failed in a way that may pass: try again later
    │   ├── DependencyAwayError   Redis or the object store does not answer or refuses: wait as long as it lasts
    │   └── NotPublishedError     the broker did not acknowledge an event: send it again until it does
    ├── UnprocessableError        this input can never be processed: make it a dead letter
    ├── ConfigurationError        a setting or a site file is wrong: do not start
    ├── TileRejectedError         a tile cannot be counted: its count is null and says why
    └── NotStandingError          the alert has ended: tell the person

Anything else that is raised is a fault of ours. The worker and the sources write its traceback into the log and make a
dead letter of what they were handling.
"""

import re
from typing import Self

from railwatch.shared.text import plain

# Characters of a detail. It may quote what a stranger sent.
MAX_DETAIL = 2_000


class RailwatchError(Exception):
    """The base of all of them. The command prints its message, without a traceback, and exits with 1."""


class TransientError(RailwatchError):
    """Kafka, Redis, the object store or a receiver failed in a way that may pass.

    The worker handles the record again later, with growing pauses, and makes it a dead letter after the last attempt.
    Over HTTP it is a 503 with `Retry-After`.

    Attributes:
        retry_after_s: how long the other side asks us to wait, in seconds. Null if it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DependencyAwayError(TransientError):
    """Redis or the object store does not answer or refuses to work, or the state in Redis waits for a rebuild.

    Nothing is wrong with what was being handled. The worker tries again for as long as this lasts. There is no last
    attempt and no dead letter.
    """


class NotPublishedError(TransientError):
    """The broker did not acknowledge an event in time; it may or may not have been written.

    The caller publishes it again until it is acknowledged. That is harmless, as ids are derived from content.
    """


class UnprocessableError(RailwatchError):
    """This input can never be processed, however often it is tried.

    The worker and the sources make it a dead letter. Over HTTP it is a 4xx with problem details.

    Attributes:
        reason: a short, stable, machine-readable word such as `checksum-mismatch`; it labels a metric.
        detail: one sentence for a person: what is wrong, and what would be right. It is cleaned and clipped.
    """

    def __init__(self, reason: str, detail: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]+", reason):
            raise ValueError(f"a reason is lower-case words with hyphens, not {reason!r}")
        self.reason = reason
        self.detail = plain(detail, MAX_DETAIL)
        super().__init__(self.detail)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """How it is pickled, to be raised in another process."""
        return type(self), (self.reason, self.detail)


class ConfigurationError(RailwatchError):
    """A setting or a site file is wrong. The process ends.

    The message names every fault, one sentence a line, and never shows a secret.
    """


class TileRejectedError(RailwatchError):
    """A tile cannot be counted. `count_tile` catches it and gives a count that is null.

    Attributes:
        reason: a short, stable word that goes into the count's `reasons` and labels a metric.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotStandingError(RailwatchError):
    """Somebody acknowledges or silences an alert that does not stand any more. Over HTTP it is a 409."""
