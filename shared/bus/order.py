"""Which records of a partition wait for each other: all of them, or those of one key."""

from collections.abc import Callable, Hashable
from typing import Any, Literal

Order = Literal["partition", "key"]

# What a record is in order with, inside its partition. A record that cannot be read has no key.
STRANDS: dict[Order, Callable[[Any], Hashable]] = {
    "partition": lambda _: None,
    "key": lambda record: getattr(record, "key", None),
}

# A partition with this many records in memory is paused. At most one more fetch is held. Where only the records of one
# key wait for each other, more are held, so that those of other keys are found behind them.
MAX_QUEUED: dict[Order, int] = {"partition": 16, "key": 256}
