"""Which sensor took a scene, as its sender says. Alerting joins frames of one sensor, minutes apart, to one look."""

from collections.abc import Iterable

from railwatch.shared.text import plain

# The longest name that is taken for one, in characters, and how many of another a remark quotes.
LONGEST = 100
QUOTED = 40


def read_sensor(given: Iterable[tuple[str, object]]) -> tuple[str | None, tuple[str, ...]]:
    """The first usable name of a sensor in lower case, and remarks on those that had to be left out.

    Args:
        given: the name of each field that may hold it, and its value, which may be anything.
    """
    remarks: list[str] = []
    for field, value in given:
        if value is None:
            continue
        if isinstance(value, str) and 0 < len(name := plain(value, len(value)).strip().lower()) <= LONGEST:
            return name, tuple(remarks)
        remarks.append(f"`{field}` is {plain(repr(value), QUOTED)}, which names no sensor; it is not used.")
    return None, tuple(remarks)
