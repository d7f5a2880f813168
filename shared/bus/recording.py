"""The record of an act that has no event of its own: before anything is changed, and when its outcome is known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from railwatch.shared.errors import TransientError
from railwatch.shared.events import ActEvent, Outcome

log = structlog.get_logger(__name__)


@contextmanager
def recorded(publish: Callable[[ActEvent], None], act: ActEvent) -> Iterator[None]:
    """A block in which an act is done. It begins when the log of acts has it as `ordered`.

    At the end it is recorded as `done`, or as `failed` if the block raises. If Kafka is away by then, `ordered` stands
    alone, which says that the end is not known.

    Args:
        publish: publishes an event, and returns when the broker has acknowledged it.
        act: the act.

    Raises:
        NotPublishedError: the broker did not acknowledge the record. Nothing was done.
    """
    publish(act.model_copy(update={"outcome": Outcome.ORDERED}))
    try:
        yield
    except BaseException:
        _tell(publish, act, Outcome.FAILED)
        raise
    _tell(publish, act, Outcome.DONE)


def _tell(publish: Callable[[ActEvent], None], act: ActEvent, outcome: Outcome) -> None:
    try:
        publish(act.model_copy(update={"outcome": outcome, "recorded_at": datetime.now(UTC)}))
    except TransientError as error:
        log.warning("the log of acts does not have the outcome", act=act.act, outcome=outcome.value, detail=str(error))
