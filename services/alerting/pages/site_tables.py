"""The tables on the page of a site: its baselines and its tracks."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import amount, metres, number
from railwatch.services.alerting.pages.markup import date, el
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Site


def baselines(newest: Sequence[CountEvent]) -> Iterator[Element]:
    """The baselines of the newest counts; nothing if there are none."""
    if not newest:
        return
    titles = ("Tile", "Version", "Origin", "Seen on", "Merged from", "Quality of the last count", "Track seen")
    body = []
    for count in newest:
        base = count.baseline
        said = (
            (str(base.version), base.origin, date(base.observed_at), f"{len(base.looks)} looks" if base.looks else "")
            if base
            else ("none", "", "", "")
        )
        quality = ", ".join((count.result.quality.value, *count.result.reasons))
        cells = (*said, quality, f"{count.result.coverage:.0%}")
        body.append(el("tr", el("th", count.tile, scope="row"), *(el("td", cell) for cell in cells)))
    yield _table("Baselines", titles, body)


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
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    return el(
        "section",
        el("h2", title),
        el("div", table, class_="scroll", tabindex=0, role="region", aria_label=title),
    )
