"""The tables on the page of a site: its baselines and its tracks."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import amount, metres, number
from railwatch.services.alerting.pages.markup import date, el
from railwatch.shared.events import BaselineEvent, CountEvent
from railwatch.shared.events.baselines import ITSELF
from railwatch.shared.sites import Site

VERSION_TITLES = ("From", "Tile", "Version", "Why", "Picture", "Seen on", "Decided by")
ORIGINS = {
    "first-good-look": "the first good look",
    "operator": "a look that was chosen",
    "composite": "merged from looks",
}
# Changes of baselines that are shown at once. The others are a click away.
VERSIONS_SHOWN = 8
# What the detector's reasons mean. A person's are their own words.
REASONS = {
    "first-good-look": "the first good look",
    "more-ground": "it shows more of the track than the one before",
    "closer-match": "it fits the last looks more closely than the one before",
    "ground-changed": "the ground has changed",
}


def baselines(newest: Sequence[CountEvent]) -> Iterator[Element]:
    """The baselines of the newest counts; nothing if there are none."""
    if not newest:
        return
    titles = ("Tile", "Version", "Origin", "Seen on", "Merged from", "Quality of the last count", "Track seen")
    body = []
    for count in newest:
        base = count.baseline
        said = (
            (
                str(base.version),
                ORIGINS.get(base.origin, base.origin),
                date(base.observed_at),
                f"{len(base.looks)} looks" if base.looks else "",
            )
            if base
            else ("none", "", "", "")
        )
        quality = ", ".join((count.result.quality.value, *count.result.reasons))
        cells = (*said, quality, f"{count.result.coverage:.0%}")
        body.append(el("tr", el("th", count.tile, scope="row"), *(el("td", cell) for cell in cells)))
    yield _table("Baselines", titles, body)


def versions(events: Sequence[BaselineEvent], newest: Sequence[CountEvent]) -> Iterator[Element]:
    """Which baseline each tile had from when, and why; nothing if there never was one.

    Args:
        events: what became of the baselines, oldest first.
        newest: the newest counts. What they were counted against must be among the events, or the page says so.
    """
    in_use = {count.tile: count.baseline for count in newest if count.baseline}
    known = {(event.tile, event.baseline.id) for event in events if event.baseline}
    lacking = sorted(tile for tile, used in in_use.items() if (tile, used.id) not in known)
    first = {event.tile: event.version for event in reversed(events)}
    lacking += sorted(tile for tile, version in first.items() if version > 1 and tile not in lacking)
    if not events and not lacking:
        return
    changes = list(map(_version, reversed(events)))
    section = el("section", el("h2", "Baselines through time"))
    if lacking:
        which = ", ".join(lacking)
        told = f"Not all changes of {which} are kept here: `railwatch rebuild detector` brings them from Kafka."
        section.append(el("p", told, class_="soft"))
    if changes:
        section.append(_scrolling("Baselines through time", VERSION_TITLES, changes[:VERSIONS_SHOWN]))
    if earlier := changes[VERSIONS_SHOWN:]:
        table = _scrolling("Earlier baselines", VERSION_TITLES, earlier)
        section.append(el("details", el("summary", f"{len(earlier)} earlier"), table))
    yield section


def _version(event: BaselineEvent) -> Element:
    base = event.baseline
    picture = "none until the next good look"
    if base:
        picture = f"merged from {len(base.looks)} looks" if base.looks else ORIGINS.get(base.origin, base.origin)
    cells = (
        el("td", event.tile),
        el("td", str(event.version)),
        el("td", REASONS.get(event.why, event.why), class_="why"),
        el("td", picture),
        el("td", date(base.observed_at) if base else ""),
        el("td", "Railwatch" if event.by == ITSELF else event.by),
    )
    return el("tr", el("th", date(event.recorded_at), scope="row", class_="when"), *cells)


def tracks(site: Site, newest: Sequence[CountEvent]) -> Element:
    """The tracks of a site, with what was last counted on each."""
    counted = {track.track: track for count in newest for track in count.result.tracks if len(site.cells()) == 1}
    titles = ("Track", "Length", "Kind", *(("Railcars last", "90 % interval") if counted else ()))
    body = []
    for track in site.tracks:
        last = counted.get(track.id)
        cells = [amount(None, track.length_m), "main line" if track.main else "siding"]
        if counted and last and last.occupied:
            cells += ["", metres(last.occupied)]
        elif counted and last and last.count is not None:
            cells += [number(last.count), f"{number(last.low)} to {number(last.high)}"]
        elif counted:
            cells += ["not seen", ""]
        body.append(el("tr", el("th", track.id, scope="row"), *(el("td", cell) for cell in cells)))
    several = "tracks" if len(site.tracks) > 1 else "track"
    return _table(f"{len(site.tracks)} {several}, {site.track_length_m / 1000:.1f} km", titles, body)


def _table(title: str, titles: Sequence[str], body: Sequence[Element]) -> Element:
    return el("section", el("h2", title), _scrolling(title, titles, body))


def _scrolling(title: str, titles: Sequence[str], body: Sequence[Element]) -> Element:
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label=title)
