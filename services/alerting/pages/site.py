"""The page of one site, whether it has an alert or not: how it stands, its history, its looks, and its ground."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most, day, number
from railwatch.services.alerting.pages.addresses import alert_path, look_path
from railwatch.services.alerting.pages.ground import STYLES, choice, divider, ground_map, toggle
from railwatch.services.alerting.pages.markup import date, document, el, rows
from railwatch.services.alerting.pages.parts import WORDS, found, header, looks_table
from railwatch.services.alerting.pages.site_tables import baselines, tracks, versions
from railwatch.services.alerting.pages.strips import coverage_strip, pictures_strip
from railwatch.services.alerting.pages.timeline import legend, timeline
from railwatch.services.alerting.pages.verdicts import site_verdicts
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.records import SiteStatus, Taught
from railwatch.shared.events import AlertEvent, BaselineEvent, CountEvent, MissedLookEvent
from railwatch.shared.sites import Site

# What a time-lapse may begin with: so many looks before the last.
LAPSES = (10, 25, 60)


@dataclass(frozen=True)
class SiteKnown:
    """What the page shows of a site.

    Attributes:
        site: the site.
        status: how it stands; null if it was never seen.
        looks: its judged looks, oldest first.
        alerts: the last event of each of its alerts, last opened first.
        missed: the looks that should have come by now.
        newest: the counts of its newest look that was counted, by frame and tile; empty if none are kept.
        versions: what became of its baselines, oldest first.
        taught: what people's verdicts teach of it; null if there are none.
    """

    site: Site
    status: SiteStatus | None
    looks: Sequence[Judgement]
    alerts: Sequence[AlertEvent]
    missed: Sequence[MissedLookEvent]
    newest: Sequence[CountEvent]
    versions: Sequence[BaselineEvent] = ()
    taught: Taught | None = None

    @property
    def pictured(self) -> Sequence[Judgement]:
        """The looks that showed something."""
        return [look for look in self.looks if look.count is not None or look.occupied is not None]


def site_page(known: SiteKnown, now: datetime) -> str:
    """The page as HTML."""
    site = known.site
    return document(
        f"{site.name} - Railwatch",
        header(site.name),
        el(
            "main",
            _summary(known, now),
            *_history(known),
            *_ground(known),
            site_verdicts(known.taught),
            *_time_lapse(known),
            *_alerts(known),
            *baselines(known.newest),
            *versions(known.versions, known.newest),
            tracks(site, known.newest),
            _links(site),
            class_="wide",
        ),
        description=f"How {site.name} stands, and all looks at it.",
        styles=STYLES,
        modules=("site.mjs",),
    )


def _summary(known: SiteKnown, now: datetime) -> Element:
    status = known.status
    state = el("span", "never seen", class_="state never")
    if status is not None:
        state = el("span", WORDS[status.state], class_=f"state {status.state}")
        if status.alert:
            state = el("a", "alert", href=alert_path(status.alert), class_="state alert")
    return el(
        "section",
        el("p", state, class_="stands"),
        el("h1", known.site.name),
        *(el("p", event.sentence, class_="acknowledged") for event in known.missed),
        el("dl", *_figures(known, now), class_="figures"),
        class_="summary",
    )


def _figures(known: SiteKnown, now: datetime) -> Iterator[Element]:
    status, look = known.status, known.status.judged if known.status else None
    due_at = status.look_due_at if status else None
    quality = sorted({count.result.quality.value for count in known.newest})
    yield from rows(
        ("Railcars", el("strong", found(look)) if look else None),
        ("At most expected", at_most(look.threshold) if look and look.threshold is not None else None),
        ("Usual", f"about {number(look.expected)}" if look and look.expected is not None else None),
        ("Judged on", date(look.observed_at) if look else None),
        ("Track seen", f"{look.coverage:.0%}" if look else None),
        ("Quality of the last count", ", ".join(quality) or None),
        ("Last look", date(status.last_look_at) if status else None),
        (
            "Next look expected",
            el("span", "overdue since " if due_at < now else "by ", date(due_at)) if due_at else None,
        ),
        ("Looks kept", str(len(known.looks)) if known.looks else None),
    )


def _history(known: SiteKnown) -> Iterator[Element]:
    if not known.looks:
        return
    onset = next((alert.onset for alert in known.alerts if alert.onset), None)
    context = [(event.title, event.at) for event in known.site.events]
    paths = [look_path(known.site.id, look.scene) for look in known.looks]
    picture = timeline(known.looks, onset, context, known.looks[-1].observed_at, paths)
    yield el(
        "section",
        el("h2", "History"),
        el("div", picture, class_="scroll to-end", tabindex=0, role="region", aria_label="Counts over time"),
        legend(),
        coverage_strip(known.looks),
        looks_table(list(zip(known.looks, paths, strict=True))),
    )
    yield el(
        "section",
        el("h2", "Looks"),
        pictures_strip(known.site.id, known.looks),
    )


def _ground(known: SiteKnown) -> Iterator[Element]:
    """Before and after of any two looks, on one map."""
    looks = known.pictured
    if not looks:
        return
    options = [(look.scene, f"{day(look.observed_at)}: {found(look)}") for look in reversed(looks)]
    before = min(looks[:-1], key=lambda look: (look.count is None, look.count or 0.0, -look.coverage), default=looks[0])
    yield el(
        "section",
        el("h2", "Before and after"),
        el(
            "div",
            choice("Before", "before", options, before.scene),
            choice("After", "after", options, looks[-1].scene),
            toggle("cars", "Cars", "c", checked=False),
            toggle("tracks", "Tracks", "t", checked=True),
            class_="tools",
            role="group",
            aria_label="What the map shows",
        ),
        ground_map(known.site, "The ground before and after"),
        divider("Before", "After"),
        el("output", id="said", role="status"),
        id="before-after",
    )


def _time_lapse(known: SiteKnown) -> Iterator[Element]:
    looks = known.pictured
    if len(looks) < 2:
        return
    spans = [(looks[-most].observed_at.isoformat(), f"the last {most} looks") for most in LAPSES if most < len(looks)]
    everything = (looks[0].observed_at.isoformat(), f"all {len(looks)} looks")
    address = f"/v1/sites/{known.site.id}/time-lapse"
    yield el(
        "section",
        el("h2", "Time-lapse"),
        el(
            "form",
            choice("Of", "from", [*spans, everything]),
            el("button", "Show", id="show-lapse", type="button"),
            el("button", "Save as WebP", formaction=f"{address}.webp"),
            el("button", "Save as GIF", formaction=f"{address}.gif"),
            el("output", role="status"),
            class_="tools",
            id="lapse",
            action=f"{address}.webp",
        ),
        el("figure", el("img", alt="The site at one look after another"), id="lapse-picture", hidden=True),
    )


def _alerts(known: SiteKnown) -> Iterator[Element]:
    if known.alerts:
        yield el("section", el("h2", "Alerts"), el("ul", *map(_alert, known.alerts), class_="alerts"))


def _alert(event: AlertEvent) -> Element:
    state = event.severity.value if event.stands else event.transition.value
    sentence = event.sentence.removeprefix(f"{event.site_name}: ")
    return el(
        "li",
        el(
            "a",
            el("strong", day(event.opened_at)),
            el("span", state, class_=f"state {state if event.stands else 'over'}"),
            el("span", sentence[:1].upper() + sentence[1:], class_="text"),
            href=alert_path(event.alert),
        ),
        class_=state if event.stands else "over",
    )


def _links(site: Site) -> Element:
    links = {
        "The site": f"/v1/sites/{site.id}",
        "Its observations": f"/v1/sites/{site.id}/observations",
        "Its alerts": f"/v1/alerts?site={site.id}",
    }
    items = (el("li", el("a", words, href=address)) for words, address in links.items())
    return el("section", el("h2", "For programs"), el("ul", *items))
