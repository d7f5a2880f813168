"""The judged looks of a site as rows of one array: hundreds are read at each of its looks, few are ever looked at.

What is numbers and times lies in the array, which is stored and read as it is. What is text, the scene above all, lies
beside it. A row becomes an `Entry` when somebody asks for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from railwatch.services.alerting.rule.judgement import Judgement, Past, Rule, State, retained
from railwatch.services.alerting.rule.looks import INTERVAL_SD, microseconds, moment
from railwatch.shared.events import JudgedLook, Onset, Transition

NEVER = -(2**62)
"""Stands for a time that is null."""

STATES = tuple(State)
TRANSITIONS = (None, *Transition)
ALERT, UNOBSERVED = STATES.index(State.ALERT), STATES.index(State.UNOBSERVED)
RESOLVED = TRANSITIONS.index(Transition.RESOLVED)
ROW = np.dtype(
    [
        *((name, "<i8") for name in ("observed_at", "opened_at", "onset_at", "onset_low", "onset_high")),
        *((name, "<f8") for name in ("count", "low", "high", "expected", "threshold", "p_value", "coverage", "cusum")),
        *((name, "u1") for name in ("state", "transition", "exceeds", "sustained")),
    ]
)
"""Times in microseconds since 1970."""


MEASURES = tuple(name for name in JudgedLook.model_fields if name != "observed_at")
"""What a look has that crosses to consumers, beside its time."""

_LOOKS = TypeAdapter(tuple[JudgedLook, ...])

FORGET_EVERY = 16
"""What is no longer needed is looked for when a history has grown by so many looks, to save the time."""

Label = list[Any]
"""What of a look is no number: its scene, and where there is one of them, reason, missing tiles, and if archival."""


class Entry(NamedTuple):
    """One look of a site's history.

    Attributes:
        scene: id of the scene.
        judgement: the look, judged.
        missing_tiles: tiles of the scene that were not counted.
        archival: the look came when a later one was known already.
    """

    scene: str
    judgement: Judgement
    missing_tiles: tuple[str, ...] = ()
    archival: bool = False


class Entries(Sequence[Entry]):
    """The judged looks of a site, oldest first."""

    def __init__(self, rows: NDArray[Any], labels: Sequence[Label]) -> None:
        self._rows = rows
        self._labels = labels

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Entries":
        """The records of these entries."""
        if isinstance(entries, Entries):
            return entries
        held = list(entries)
        return cls(np.array([_row(entry.judgement) for entry in held], dtype=ROW), [_label(entry) for entry in held])

    @classmethod
    def read(cls, rows: bytes, labels: bytes) -> "Entries":
        """Entries from their stored form."""
        return cls(np.frombuffer(rows, dtype=ROW), from_json(b"[" + labels.removesuffix(b",") + b"]"))

    def stored(self) -> tuple[bytes, bytes]:
        """The stored form: rows and labels, each such that the form of later records can be appended to it."""
        return self._rows.tobytes(), b"".join(to_json(label) + b"," for label in self._labels)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> "Entries": ...
    def __getitem__(self, place: int | slice) -> "Entry | Entries":
        if isinstance(place, slice):
            return Entries(self._rows[place], self._labels[place])
        return _entry(self._rows[place].item(), self._labels[place])

    def __iter__(self) -> Iterator[Entry]:
        return map(_entry, self._rows.tolist(), self._labels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entries) and len(self) == len(other) and self.begin_with(other)

    def __hash__(self) -> int:
        return hash(self._rows.tobytes())

    def begin_with(self, others: "Entries") -> bool:
        """Whether the first records are those of `others`."""
        n = len(others)
        same: bool = self._rows[:n].tobytes() == others._rows.tobytes() and self._labels[:n] == others._labels
        return same

    def with_more(self, later: "Entries") -> "Entries":
        """These and later ones."""
        rows = np.frombuffer(self._rows.tobytes() + later._rows.tobytes(), dtype=ROW)
        return Entries(rows, [*self._labels, *later._labels])

    def needed(self, rule: Rule) -> "Entries":
        """Those on which later judgements can depend."""
        observed = np.flatnonzero(self._rows["state"] != UNOBSERVED)
        places = observed[retained(_past(self._rows), rule)].tolist()
        if len(self) and self._rows["state"][-1] == UNOBSERVED:
            places.append(len(self) - 1)
        return self._at(places)

    def _at(self, places: list[int]) -> "Entries":
        return Entries(self._rows[places], [self._labels[place] for place in places])

    @cached_property
    def scenes(self) -> list[str]:
        """The scene of each."""
        return [label[0] for label in self._labels]

    def of_scene(self, scene: str) -> Entry | None:
        """The one of a scene, if it is there."""
        scenes = self.scenes
        return self[scenes.index(scene)] if scene in scenes else None

    def time(self, place: int) -> datetime:
        """When one of the looks was taken."""
        return moment(self._rows["observed_at"].item(place))

    def plain(self) -> tuple[JudgedLook, ...]:
        """The looks as they cross to consumers."""
        return _LOOKS.validate_python(
            [
                {"observed_at": moment(at), **dict(zip(MEASURES, map(_known, measures), strict=True))}
                for at, *measures in self._rows[["observed_at", *MEASURES]].tolist()
            ]
        )

    def before(self, at: datetime) -> "Entries":
        """Those of looks before a time."""
        return self[: int(np.searchsorted(self._rows["observed_at"], _us(at)))]

    def of_alerts(self) -> "list[Entries]":
        """Those that belong to alerts, by alert, oldest first."""
        opened = self._rows["opened_at"]
        places = np.flatnonzero(opened != NEVER).tolist()
        return [self._at(list(some)) for _, some in groupby(places, opened.item)]

    def newest(self, n: int, *, judged: bool = False) -> list[datetime]:
        """When the newest looks were taken, oldest first: of all, or of those that could be judged."""
        at = self._rows["observed_at"]
        return [moment(us) for us in (at[self._rows["state"] != UNOBSERVED] if judged else at)[-n:].tolist()]

    def past(self, since: datetime | None = None) -> Past:
        """The looks since a time as judging needs them."""
        rows = self._rows if since is None else self._rows[np.searchsorted(self._rows["observed_at"], _us(since)) :]
        return _past(rows)


def _past(rows: NDArray[Any]) -> Past:
    seen = rows[rows["state"] != UNOBSERVED]
    return Past(
        at_us=seen["observed_at"],
        counts=seen["count"],
        coverage=seen["coverage"],
        error_variance=np.nan_to_num(((seen["high"] - seen["low"]) / INTERVAL_SD) ** 2),
        cusum=seen["cusum"],
        in_alert=seen["state"] == ALERT,
        sustained=seen["sustained"].astype(bool),
        resolved=seen["transition"] == RESOLVED,
        opened_us=seen["opened_at"],
        onset=_onset(*seen[-1].item()[2:5]) if len(seen) else None,
        last_at=moment(int(rows[-1]["observed_at"])) if len(rows) else None,
    )


def _label(entry: Entry) -> Label:
    told = [entry.judgement.reason, list(entry.missing_tiles), entry.archival]
    return [entry.scene, *told] if any(told) else [entry.scene]


def _row(judgement: Judgement) -> tuple[Any, ...]:
    onset = judgement.onset
    return (
        _us(judgement.observed_at),
        _us(judgement.opened_at),
        *((_us(onset.at), _us(onset.low), _us(onset.high)) if onset else (NEVER, NEVER, NEVER)),
        judgement.count,
        judgement.low,
        judgement.high,
        judgement.expected,
        judgement.threshold,
        judgement.p_value,
        judgement.coverage,
        judgement.cusum,
        STATES.index(judgement.state),
        TRANSITIONS.index(judgement.transition),
        judgement.exceeds,
        judgement.sustained,
    )


def _entry(row: tuple[Any, ...], label: Label) -> Entry:
    scene, reason, missing_tiles, archival = label if len(label) > 1 else [*label, "", (), False]
    at, opened, onset_at, onset_low, onset_high, *numbers, coverage, cusum, state, transition, exceeds, sustained = row
    count, low, high, expected, threshold, p_value = map(_known, numbers)
    judgement = Judgement(
        observed_at=moment(at),
        count=count,
        low=low,
        high=high,
        coverage=coverage,
        state=STATES[state],
        expected=expected,
        threshold=threshold,
        p_value=p_value,
        exceeds=bool(exceeds),
        sustained=bool(sustained),
        cusum=cusum,
        transition=TRANSITIONS[transition],
        reason=reason,
        opened_at=None if opened == NEVER else moment(opened),
        onset=_onset(onset_at, onset_low, onset_high),
    )
    return Entry(scene, judgement, tuple(missing_tiles), archival)


def _known(number: float) -> float | None:
    return None if number != number else number


def _onset(at: int, low: int, high: int) -> Onset | None:
    return None if at == NEVER else Onset(at=moment(at), low=moment(low), high=moment(high))


def _us(at: datetime | None) -> int:
    return NEVER if at is None else microseconds(at)
