"""The overview of all sites: the alerts that stand, and a table beside a map. Sites with an alert come first.

The table is complete as HTML, page by page. The script of the page takes it over: it filters, sorts and searches all
sites at once, and draws the map.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most
from railwatch.services.alerting.pages.addresses import alert_path, site_path
from railwatch.services.alerting.pages.alert import short_sentence
from railwatch.services.alerting.pages.listing import Place
from railwatch.services.alerting.pages.markup import Content, date, document, el
from railwatch.services.alerting.pages.parts import WORDS, found, header
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.events import AlertEvent, Miss, MissedLookEvent

# The columns after site and state.
FIGURES = ("Railcars", "At most expected", "Judged on", "Last look")

# By what the columns are sorted; null for one that has no order.
SORTED_BY = {
    "Site": "name",
    "State": "state",
    "Railcars": "fewest",
    "At most expected": "threshold",
    "Judged on": "judged_at",
    "Last look": "last_look_at",
}

# Alerts that are shown at once. The others are a click away.
ALERTS_SHOWN = 4

# What the page says of the states, and of what stands beside them.
MEANINGS = {
    WORDS[State.ALERT]: "There were more railcars than the site's own history makes plausible.",
    WORDS[State.NORMAL]: "There were no more than that.",
    WORDS[State.LEARNING]: "There are too few looks yet to say how many are usual.",
    WORDS[State.UNOBSERVED]: "Too little of the track could be seen at the last look, for example because of clouds. "
    "The figures are those of the last look that could be judged.",
    WORDS[State.MEASURED]: "Pixels were too coarse to count railcars. The metres of track under trains were measured.",
    "never seen": "No look has come in yet.",
    "overdue": "The next look should have come by now.",
    "hidden": "Looks come, but the track has not been seen on them for longer than usual.",
}

# States that people can choose, beside those of `WORDS`.
NEVER = ("never", "never seen")


def overview_page(
    places: Sequence[Place],
    statuses: Mapping[str, SiteStatus],
    standing: Sequence[AlertEvent],
    missed: Mapping[str, Sequence[MissedLookEvent]],
    sites: int,
    pages: Content,
    record: Content = None,
) -> str:
    """The page as HTML.

    Args:
        places: the sites of this page, in order.
        statuses: how sites stand.
        standing: the last event of each alert that stands, worst first.
        missed: the last events of looks that should have come by now, by site.
        sites: how many sites there are on all pages.
        pages: links to the other pages.
        record: how good alerts have been.
    """
    return document(
        "Railwatch",
        header("All sites"),
        el(
            "main",
            el("section", el("h1", _headline(standing)), record, *_alerts(standing), class_="summary"),
            el(
                "section",
                el("h2", "Sites"),
                _choices(),
                _meanings(),
                el("output", f"{sites:,} site{'s' if sites != 1 else ''}", id="shown", role="status"),
                el(
                    "div",
                    el("div", _table(places, statuses, missed), pages, class_="list"),
                    el("div", el("div", id="map"), _legend(), class_="map-side", id="map-side", hidden=True),
                    class_="beside-map",
                ),
                class_="all-sites",
            ),
            class_="wide",
        ),
        description=_headline(standing),
        styles=("maplibre-gl/maplibre-gl.css", "map.css", "overview.css"),
        modules=("overview.mjs",),
    )


def _headline(standing: Sequence[AlertEvent]) -> str:
    if not standing:
        return "No alert stands"
    return "1 alert stands" if len(standing) == 1 else f"{len(standing)} alerts stand"


def _alerts(standing: Sequence[AlertEvent]) -> list[Element]:
    first, others = standing[:ALERTS_SHOWN], standing[ALERTS_SHOWN:]
    lists = [el("ul", *map(_alert, first), class_="alerts")] if first else []
    if others:
        rest = el("ul", *map(_alert, others), class_="alerts")
        lists.append(el("details", el("summary", f"{len(others)} more alerts"), rest))
    return lists


def _alert(event: AlertEvent) -> Element:
    return el(
        "li",
        el(
            "a",
            el("strong", event.site_name),
            el("span", event.severity.value, class_=f"state {event.severity}"),
            el("span", short_sentence(event), class_="text"),
            href=alert_path(event.alert),
        ),
        class_=event.severity.value,
    )


def _choices() -> Element:
    """What the script offers to choose among the sites."""
    states = [(state.value, words) for state, words in WORDS.items()]
    boxes = (
        el(
            "label",
            el("input", type="checkbox", name="state", value=value),
            el("span", words, class_=f"state {value}"),
            el("span", class_="count"),
        )
        for value, words in (*states, NEVER, ("overdue", "overdue"))
    )
    search = el("input", type="search", name="q", autocomplete="off", placeholder="name or id", spellcheck="false")
    return el(
        "form",
        el("label", el("span", "Search"), search, class_="search"),
        el("fieldset", el("legend", "Only these"), *boxes, class_="chips"),
        el("label", el("input", type="checkbox", name="seen"), "Only what the map shows", class_="check"),
        el("button", "Show all", type="reset"),
        id="choices",
        role="search",
        aria_label="Sites",
        hidden=True,
    )


def _meanings() -> Element:
    """What the words of the column of states mean."""
    terms = (el("div", el("dt", words), el("dd", meaning)) for words, meaning in MEANINGS.items())
    return el("details", el("summary", "What the states mean"), el("dl", *terms, class_="meanings"))


def _legend() -> Element:
    kinds = {"alert": "alert", "normal": "normal or measured", "other": "learning or not seen", "cluster": "several"}
    entries = (el("li", el("span", class_=f"key site-{kind}"), words) for kind, words in kinds.items())
    return el("ul", *entries, class_="legend", aria_hidden="true")


def _table(
    places: Sequence[Place], statuses: Mapping[str, SiteStatus], missed: Mapping[str, Sequence[MissedLookEvent]]
) -> Element:
    titles = (el("th", title, scope="col", data_sort=key) for title, key in SORTED_BY.items())
    body = (_row(place, statuses.get(place.id), list(map(_overdue, missed.get(place.id, ())))) for place in places)
    table = el("table", el("thead", el("tr", *titles)), el("tbody", *body, id="sites"), class_="sites")
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label="Sites as a table")


def _row(place: Place, status: SiteStatus | None, overdue: Sequence[Element]) -> Element:
    name = el("th", el("a", place.name, href=site_path(place.id)), scope="row")
    if status is None:
        return el(
            "tr", name, el("td", el("span", NEVER[1], class_="state never"), *overdue), *(el("td") for _ in FIGURES)
        )
    look = status.judged
    state: Content = el("span", WORDS[status.state], class_=f"state {status.state}")
    if status.alert:
        state = el("a", "alert", href=alert_path(status.alert), class_="state alert")
    figures: tuple[Content, ...] = (
        found(look) if look else None,
        at_most(look.threshold) if look and look.threshold is not None else None,
        date(look.observed_at) if look else None,
        date(status.last_look_at),
    )
    return el(
        "tr",
        name,
        el("td", state, *overdue),
        *(el("td", figure, data_label=title) for title, figure in zip(FIGURES, figures, strict=True)),
    )


def _overdue(event: MissedLookEvent) -> Element:
    label = "overdue" if event.miss is Miss.LOOK else "hidden"
    return el("span", label, class_="state overdue", title=event.sentence)
