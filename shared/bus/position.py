"""How far a partition is handled: the offset that is committed, and what is finished beyond it.

Kafka keeps a short text beside each committed offset. Where records of one partition overtake each other, it says which
of them are finished. So this survives everything that the offset survives. The embedded broker keeps no such text.
"""

from dataclasses import dataclass

# A broker keeps at most 4,096 bytes beside an offset, unless it is told otherwise (`offset.metadata.max.bytes`).
MAX_TEXT = 4_000


@dataclass(frozen=True)
class Position:
    """How far a partition is handled.

    Attributes:
        offset: every record before it is finished.
        done_to: every record from `offset` to before this one is finished too, except those of `unfinished`.
        unfinished: offsets of records, ascending.
    """

    offset: int
    done_to: int
    unfinished: tuple[int, ...] = ()

    def covers(self, offset: int) -> bool:
        """Whether the record at an offset is finished."""
        return offset < self.done_to and offset not in self.unfinished

    def text(self) -> str:
        """What is kept beside the offset: `done_to`, then the unfinished ones as distances from the one before.

        If it would be too long, it says less: the records that it leaves out are handled again.
        """
        if not self.unfinished:
            return ""
        words, before = [], self.offset
        room = MAX_TEXT - 2 * len(f"{self.done_to} ")
        for offset in self.unfinished:
            words.append(str(offset - before))
            room -= len(words[-1]) + 1
            if room < 0:
                return f"{offset} {' '.join(words[:-1])}"
            before = offset
        return f"{self.done_to} {' '.join(words)}"


def position_of(offset: int, text: str | None) -> Position:
    """The position that was committed with this offset and this text; of a text that is not ours, the offset alone."""
    done_to, *distances = (text or "").split() or [str(offset)]
    if not all(word.isascii() and word.isdigit() for word in (done_to, *distances)):
        return Position(offset, offset)
    unfinished, at = [], offset
    for distance in distances:
        at += int(distance)
        unfinished.append(at)
    return Position(offset, max(offset, int(done_to)), tuple(unfinished))
