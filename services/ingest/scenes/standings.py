"""What became of each scene at ingest, kept in Redis under its id: taken, with its tiles, or refused, and why."""

from contextlib import suppress
from datetime import datetime

from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import derived_id


class Standing(Frozen):
    """What became of a scene at ingest: it was taken, or refused.

    Attributes:
        recorded_at: when.
        receipt: what was published; null if it was refused.
        reason: why it was refused, a stable word; null if it was taken.
        detail: the same as a sentence.
    """

    recorded_at: UtcDatetime
    receipt: Receipt | None = None
    reason: str | None = None
    detail: str | None = None


class Standings:
    """The last outcome of each scene."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def of(self, scene: str) -> Standing | None:
        """What became of a scene; null if it is not known, or no longer.

        Raises:
            TransientError: Redis is away.
        """
        note = self._claims.get(_note(scene))
        return Standing.model_validate_json(note) if note else None

    def taken(self, receipt: Receipt, now: datetime) -> None:
        """Keeps that a scene was taken.

        Raises:
            TransientError: Redis is away.
        """
        standing = Standing(recorded_at=now, receipt=receipt)
        self._claims.put(_note(receipt.scene), standing.model_dump_json())

    def refused(self, subject: str, error: UnprocessableError, now: datetime) -> None:
        """Keeps that a scene was refused, unless one of this name was taken before. The dead letter is what counts."""
        with suppress(TransientError):
            before = self.of(subject)
            if before is None or before.receipt is None:
                standing = Standing(recorded_at=now, reason=error.reason, detail=error.detail)
                self._claims.put(_note(subject), standing.model_dump_json())


def _note(scene: str) -> str:
    return derived_id("standing", scene)
