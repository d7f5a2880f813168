"""The errors that Railwatch raises on purpose.

Two branches matter to the worker loop: what may pass when tried again (`TransientError`), and what never will
(`UnprocessableError`), which goes to the dead letters under its `reason`.
"""

import re


class RailwatchError(Exception):
    """Base of every error that Railwatch raises on purpose."""


class TransientError(RailwatchError):
    """Something outside failed in a way that may pass: try again later."""


class NotPublishedError(TransientError):
    """The broker has not acknowledged an event: it is sent again until it does, and never given up."""


class UnprocessableError(RailwatchError):
    """This input can never be processed.

    Attributes:
        reason: a short, stable, machine-readable word such as `checksum-mismatch`; it labels a metric.
        detail: one sentence for a person: what is wrong, and what would be right.
    """

    def __init__(self, reason: str, detail: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]+", reason):
            raise ValueError(f"a reason is lower-case words with hyphens, not {reason!r}")
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ConfigurationError(RailwatchError):
    """A setting or a site file is wrong; the message names every fault, one sentence a line, never a secret."""
