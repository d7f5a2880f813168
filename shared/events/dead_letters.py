"""The event that something could not be processed."""

from typing import ClassVar, Literal

from pydantic import Field

from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events.base import Event, Slug, derived_id
from railwatch.shared.process import Service


class Coordinates(Frozen):
    """The place of a record in Kafka."""

    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class Settled(Frozen):
    """What a person did with a dead letter.

    Attributes:
        how: its record was sent again, or the letter was dropped: nothing will be done.
        at: when.
        by: who.
        why: why, in the person's words; empty if they gave none.
    """

    how: Literal["retried", "dropped"]
    at: UtcDatetime
    by: str = Field(min_length=1)
    why: str = ""


class DeadLetter(Event):
    """Something could not be processed. It is kept with the reason, and never dropped.

    Attributes:
        service: the service that could not process it.
        reason: a short, stable word, such as `checksum-mismatch`.
        detail: one sentence for a person, without a stack trace.
        subject: what it was about: a file name, a scene id, an event id.
        original: the place of the record in Kafka; null if there was no record, as for a rejected upload.
        headers: the record's headers as text; bytes that are not UTF-8 are replaced.
        value_base64: the record's value; null above 256 KiB, or if there was no record.
        content: an id of what was refused, derived from its bytes or from what is known of them; null if there was a
            record.
        sender: name of the token with which it was pushed; null if it was not pushed, or if the token has no name.
        settled: what a person did with it; null while it is open. The letter is then published again, under its id: of
            several letters with one id, the last in the topic is valid.
    """

    TYPE: ClassVar[str] = "railwatch.dead-letter.v1"
    TOPIC: ClassVar[str] = "railwatch.dead-letters.v1"

    service: Service
    reason: str = Field(pattern=r"^[a-z0-9-]+$")
    detail: str
    subject: str
    original: Coordinates | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    value_base64: str | None = None
    content: str | None = None
    sender: Slug | None = None
    settled: Settled | None = None

    @property
    def id(self) -> str:
        """From the service, the reason and the record's coordinates; without a record, what was refused, by whom sent.

        So two files of one name have a letter each, and the same file again has the same letter.
        """
        where = [self.original.model_dump_json()] if self.original else [self.subject]
        if self.content:
            where += [self.content, self.sender or ""]
        return derived_id(self.TYPE, self.service, self.reason, *where)

    @property
    def key(self) -> str:
        """Dead letters of one service stay in order."""
        return self.service

    @property
    def event_source(self) -> str:
        """The service that gave up."""
        return f"/railwatch/{self.service}"
