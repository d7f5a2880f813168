"""What several pages have in common: their head, how a look is put into words, and the looks as a table."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.history.wording import amount, at_most, cars, number
from railwatch.services.alerting.pages.markup import date, el
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.events import CountEvent, JudgedLook, Look

# What the pages call the states.
WORDS = {
    State.ALERT: "alert",
    State.NORMAL: "normal",
    State.LEARNING: "learning",
    State.UNOBSERVED: "not seen",
    State.MEASURED: "measured",
}


def header(here: str, *above: tuple[str, str]) -> Element:
    """The head of every page.

    Args:
        here: what the page is about.
        above: words and address of the pages above it, below the overview.
    """
    links = (el("a", words, href=address) for words, address in (("Railwatch", "/"), *above))
    return el(
        "header",
        el("a", "Skip to content", href="#content", class_="skip"),
        el("nav", *links, el("span", here, id="content", tabindex=-1), aria_label="Where you are"),
    )


def found(look: Look) -> str | None:
    """What was found at a look, in short; null if nothing could be seen."""
    if look.occupied is not None:
        return f"{cars(look.occupied)} on {amount(None, look.occupied.occupied_m)}".replace(" railcars", "")
    return None if look.count is None else f"{number(look.count)} ({number(look.low)} to {number(look.high)})"


def counts_of_look(archive: Archive, site: str, look: Judgement) -> list[CountEvent]:
    """The counts behind a judged look, by frame and tile; empty if none are kept."""
    frames = (archive.scene(site, scene) for scene in look.frames or (look.scene,))
    return [count for frame in frames if frame for count in frame.counts.values()]


def looks_table(looks: Sequence[tuple[JudgedLook, str | None]]) -> Element:
    """Looks as a table, the newest first.

    Args:
        looks: each look with the address of its page, oldest first; null where it has none.
    """
    titles = ("Date", "Railcars", "90 % interval", "At most expected", "Track seen")
    body = (
        el(
            "tr",
            el("td", el("a", date(look.observed_at), href=address) if address else date(look.observed_at)),
            *(el("td", text) for text in _cells(look)),
            el("td", "" if look.threshold is None else at_most(look.threshold)),
            el("td", f"{look.coverage:.0%}"),
        )
        for look, address in reversed(looks)
    )
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    scroll = el("div", table, class_="scroll", tabindex=0, role="region", aria_label="The looks as a table")
    return el("details", el("summary", "The looks as a table"), scroll)


def _cells(look: JudgedLook) -> tuple[str, str]:
    """What was found, and its interval."""
    if look.occupied is not None:
        return f"{amount(None, look.occupied.occupied_m)} of track", cars(look.occupied)
    if look.count is None:
        return "not seen", ""
    return number(look.count), f"{number(look.low)} to {number(look.high)}"
