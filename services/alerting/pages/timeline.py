"""The timeline of an alert: looks with their intervals, the threshold, the onset and the site's context events."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most, cars, day, metres, number
from railwatch.services.alerting.pages.markup import el
from railwatch.shared.events import JudgedLook, Onset

# Size of the picture and its margins, pixels.
WIDTH, HEIGHT = 960.0, 360.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 14.0, 46.0, 34.0


class Scale:
    """Where times and counts lie on the picture."""

    def __init__(self, looks: Sequence[JudgedLook], onset: Onset | None, events: Iterable[datetime]) -> None:
        times = [look.observed_at for look in looks]
        margin = max((times[-1] - times[0]) * 0.02, timedelta(days=1))
        self.begin, self.end = times[0] - margin, times[-1] + margin
        highest = max((v for look in looks for v in (_ends(look)[1], look.threshold) if v is not None), default=1.0)
        self.step = _round_step(highest / 5)
        self.top = max(highest * 1.08, 1.0)

    def x(self, at: datetime) -> float:
        """Pixels from the left."""
        share = (at - self.begin) / (self.end - self.begin)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)

    def y(self, count: float) -> float:
        """Pixels from the top."""
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count / self.top, 1)

    def shows(self, at: datetime) -> bool:
        """Whether a time lies on the picture."""
        return self.begin <= at <= self.end


def timeline(
    looks: Sequence[JudgedLook],
    onset: Onset | None,
    events: Sequence[tuple[str, datetime]],
    marked_at: datetime,
    paths: Sequence[str] = (),
) -> Element:
    """The picture.

    Args:
        looks: oldest first, at least one.
        onset: when the rise began.
        events: title and time of context events. Those outside the time of the looks are left out.
        marked_at: `observed_at` of the look that the page is about.
        paths: the page of each look, to which its sign leads; empty for none.
    """
    scale = Scale(looks, onset, (at for _, at in events))
    counted = [look for look in looks if look.count is not None]
    summary = f"{len(counted)} counts from {day(looks[0].observed_at)} to {day(looks[-1].observed_at)}"
    return el(
        "svg",
        el("title", summary),
        *_bound(scale, looks),
        *_grid(scale),
        _onset_band(scale, onset) if onset else None,
        *_context(scale, events),
        *(
            _leading(path, _look(scale, look, marked=look.observed_at == marked_at))
            for look, path in zip_longest(looks, paths)
        ),
        class_="timeline",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role=None if paths else "img",
        aria_label=summary,
    )


def legend() -> Element:
    """What the signs of the picture mean."""
    kinds = {
        "look": "count and 90 % interval, or the range alone",
        "above": "more than expected",
        "bound": "at most expected",
        "onset": "rise began",
    }
    entries = (el("li", el("span", class_=f"key {kind}"), label) for kind, label in kinds.items())
    return el("ul", *entries, class_="legend", aria_hidden="true")


def _grid(scale: Scale) -> Iterable[Element]:
    for index in range(math.floor(scale.top / scale.step) + 1):
        y = scale.y(index * scale.step)
        yield el("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)
        yield el("text", f"{index * scale.step:g}", class_="tick", x=LEFT - 8, y=y + 4, text_anchor="end")
    for at, label in _months(scale.begin, scale.end):
        yield el("line", class_="grid", x1=scale.x(at), x2=scale.x(at), y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 5)
        yield el("text", label, class_="tick", x=scale.x(at), y=HEIGHT - BOTTOM + 19, text_anchor="middle")


def _onset_band(scale: Scale, onset: Onset) -> Element:
    low, high = scale.x(max(onset.low, scale.begin)), scale.x(min(onset.high, scale.end))
    plot = {"y": TOP, "height": HEIGHT - TOP - BOTTOM}
    return el(
        "g",
        el("title", f"The rise began about {day(onset.at)}, between {day(onset.low)} and {day(onset.high)}"),
        el("rect", class_="onset", x=low, width=max(high - low, 3.0), **plot),
        el("line", class_="onset", x1=scale.x(onset.at), x2=scale.x(onset.at), y1=TOP, y2=HEIGHT - BOTTOM),
        el("text", "rise began", class_="onset", x=scale.x(onset.at), y=TOP - 6, text_anchor="middle"),
    )


def _context(scale: Scale, events: Sequence[tuple[str, datetime]]) -> Iterable[Element]:
    for title, at in sorted(events, key=lambda event: event[1]):
        if not scale.shows(at):
            continue
        x = scale.x(at)
        anchor = "end" if x > WIDTH / 2 else "start"
        yield el(
            "g",
            el("title", f"{title}, {day(at)}"),
            el("line", class_="context", x1=x, x2=x, y1=TOP - 22, y2=HEIGHT - BOTTOM),
            el("text", title, class_="context", x=x + (-5 if anchor == "end" else 5), y=TOP - 26, text_anchor=anchor),
        )


def _bound(scale: Scale, looks: Sequence[JudgedLook]) -> Iterable[Element]:
    """The threshold as a line with the area below it. The line is broken where there was no threshold."""
    runs: list[list[str]] = [[]]
    for look in looks:
        if look.threshold is not None:
            runs[-1].append(f"{scale.x(look.observed_at)},{scale.y(look.threshold)}")
        elif _ends(look)[0] is not None and runs[-1]:
            runs.append([])
    for run in filter(None, runs):
        first, last, floor = run[0].partition(",")[0], run[-1].partition(",")[0], HEIGHT - BOTTOM
        yield el("path", class_="plausible", d=f"M{first},{floor} L{' '.join(run)} L{last},{floor} Z")
        yield el("path", class_="bound", d=f"M{' '.join(run)}")


def _leading(path: str | None, sign: Element) -> Element:
    return el("a", sign, href=path, tabindex=-1, aria_label=sign[0].text) if path else sign


def _look(scale: Scale, look: JudgedLook, *, marked: bool) -> Element:
    x = scale.x(look.observed_at)
    low, high = _ends(look)
    if low is None or high is None:
        y = HEIGHT - BOTTOM
        nothing = el("title", f"{day(look.observed_at)}: nothing could be seen")
        return el("g", nothing, el("line", class_="unseen", x1=x, x2=x, y1=y - 8, y2=y))
    fewest = low if look.count is None else look.count
    above = look.threshold is not None and fewest > look.threshold
    hint = f"{day(look.observed_at)}: "
    if look.occupied is not None:
        hint += f"{metres(look.occupied)} of track under trains, {cars(look.occupied)}"
    else:
        hint += f"{number(look.count)} railcars ({number(low)} to {number(high)})"
    return el(
        "g",
        el("title", hint if look.threshold is None else f"{hint}, at most {at_most(look.threshold)} expected"),
        el("line", x1=x, x2=x, y1=scale.y(low), y2=scale.y(high)),
        el("circle", cx=x, cy=scale.y(look.count), r=6.0 if marked else 3.5) if look.count is not None else None,
        class_="look above" if above else "look",
    )


def _ends(look: JudgedLook) -> tuple[float | None, float | None]:
    """The ends of the interval of a count, or of the range of cars on the metres of a measured look."""
    return (look.low, look.high) if look.occupied is None else (look.occupied.cars_low, look.occupied.cars_high)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least 1."""
    power = 10.0 ** math.floor(math.log10(max(least, 1.0)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _months(begin: datetime, end: datetime) -> Iterable[tuple[datetime, str]]:
    """The first days of months, at most twelve of them."""
    months = max(1.0, (end - begin).days / 30.4)
    every = next(n for n in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if months / n <= 12)
    year, month = begin.year, begin.month
    while True:
        month += 1
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        at = datetime(year, month, 1, tzinfo=UTC)
        if at > end:
            return
        if (year * 12 + month - 1) % every == 0:
            yield at, f"{at:%b} {at.year}" if month == 1 or every >= 12 else f"{at:%b}"
