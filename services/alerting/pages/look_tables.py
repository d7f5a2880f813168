"""What stands below the map on the page of a look: its counts by track, and pictures and provenance by tile."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import amount, metres, moment, number
from railwatch.services.alerting.pages.markup import date, el, rows
from railwatch.shared.events import CountEvent


def by_track(events: Sequence[CountEvent]) -> Iterator[Element]:
    """The counts by track; nothing if there are none."""
    if not events:
        return
    titles = ("Track", "Tile", "Railcars", "90 % interval", "Under cars", "Length in the tile", "Moved onto the rails")
    body = (
        el(
            "tr",
            el("th", track.track, scope="row"),
            el("td", count.tile),
            el("td", number(track.count) if track.count is not None else "not counted"),
            el("td", "" if track.count is None else f"{number(track.low)} to {number(track.high)}"),
            el("td", metres(track.occupied) if track.occupied else amount(None, track.occupied_m)),
            el("td", amount(None, track.length_m)),
            el("td", f"{track.shift_m:+.1f} m"),
        )
        for count in events
        for track in count.result.tracks
    )
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    scroll = el("div", table, class_="scroll", tabindex=0, role="region", aria_label="By track")
    yield el("section", el("h2", "By track"), scroll)


def tiles(events: Sequence[CountEvent], look: str) -> Iterator[Element]:
    """The pictures and the provenance of each tile.

    Args:
        events: the counts.
        look: where programs find the look.
    """
    for count in events:
        several = len({other.scene for other in events}) > 1
        name = f"Tile {count.tile}, frame {count.scene}" if several else f"Tile {count.tile}"
        address = f"{look}/pictures"
        captions = {
            "cars": "Counted cars, numbered along each track",
            "difference": "What changed against the baseline",
        }
        figures = (
            el(
                "figure",
                el("img", src=f"{address}/{count.evidence[kind].sha256}", alt=caption, loading="lazy"),
                el("figcaption", caption),
            )
            for kind, caption in captions.items()
            if kind in count.evidence
        )
        yield el(
            "section",
            el("h2", name),
            el("div", *figures, class_="figures-side-by-side"),
            el("details", el("summary", "Provenance"), el("dl", *_provenance(count), class_="provenance")),
        )


def _provenance(count: CountEvent) -> Iterator[Element]:
    baseline, found_ = count.baseline, count.result.registration
    yield from rows(
        ("Scene", count.scene),
        ("Counted at", moment(count.recorded_at)),
        ("Algorithm", count.result.algorithm),
        ("Image, SHA-256", el("code", count.image.sha256)),
        ("Baseline", f"version {baseline.version}, {baseline.origin}" if baseline else "none: counted from this alone"),
        ("Baseline seen on", date(baseline.observed_at) if baseline else None),
        ("Baseline image, SHA-256", el("code", baseline.image.sha256) if baseline else None),
        (
            "Registration",
            f"{found_.dx_px:+.1f}, {found_.dy_px:+.1f} px, {found_.rotation_deg:+.2f}\u00b0, "
            f"reliability {found_.reliability:.2f}"
            if found_
            else None,
        ),
        ("Known cars found", f"{count.recall.recovered} of {count.recall.injected}" if count.recall else None),
    )
