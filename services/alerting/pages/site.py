"""The page of one site: how it stands, its history, its looks, alerts, baselines and tracks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import amount, at_most, day, number
from railwatch.services.alerting.pages.addresses import alert_path, look_path
from railwatch.services.alerting.pages.markup import date, document, el, rows
from railwatch.services.alerting.pages.parts import WORDS, found, header, looks_table
from railwatch.services.alerting.pages.timeline import legend, timeline
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.events import AlertEvent, MissedLookEvent
from railwatch.shared.sites import Site


@dataclass(frozen=True)
class SiteKnown:
    """What the page shows of a site.

    Attributes:
        site: the site.
        status: how it stands; null if it was never seen.
        looks: its judged looks, oldest first.
        alerts: the last event of each of its alerts, last opened first.
        missed: the looks that should have come by now.
    """

    site: Site
    status: SiteStatus | None
    looks: Sequence[Judgement]
    alerts: Sequence[AlertEvent]
    missed: Sequence[MissedLookEvent]


def site_page(known: SiteKnown, now: datetime) -> str:
    """The page as HTML."""
    site = known.site
    return document(
        f"{site.name} - Railwatch",
        header(site.name),
        el("main", _summary(known, now), *_history(known), *_alerts(known), _tracks(site)),
        description=f"How {site.name} stands, and all looks at it.",
    )


def _summary(known: SiteKnown, now: datetime) -> Element:
    status = known.status
    state = "never seen" if status is None else WORDS[status.state]
    pill = el("p", state, class_=f"state {status.state if status else 'unobserved'}")
    missed = (el("p", event.sentence, class_="acknowledged") for event in known.missed)
    return el(
        "section",
        pill,
        el("h1", known.site.name),
        *missed,
        el("dl", *_figures(known, now), class_="figures"),
        class_="summary",
    )


def _figures(known: SiteKnown, now: datetime) -> Iterator[Element]:
    status, look = known.status, known.status.judged if known.status else None
    due_at = status.look_due_at if status else None
    yield from rows(
        ("Railcars", el("strong", found(look)) if look else None),
        ("At most expected", at_most(look.threshold) if look and look.threshold is not None else None),
        ("Usual", f"about {number(look.expected)}" if look and look.expected is not None else None),
        ("Judged on", date(look.observed_at) if look else None),
        ("Track seen", f"{look.coverage:.0%}" if look else None),
        ("Last look", date(status.last_look_at) if status else None),
        (
            "Next look expected",
            el("span", "overdue since " if due_at < now else "by ", date(due_at)) if due_at else None,
        ),
        ("Looks kept", str(len(known.looks))),
    )


def _history(known: SiteKnown) -> Iterator[Element]:
    if not known.looks:
        return
    onset = next((alert.onset for alert in known.alerts if alert.onset), None)
    context = [(event.title, event.at) for event in known.site.events]
    picture = timeline(known.looks, onset, context, known.looks[-1].observed_at)
    yield el(
        "section",
        el("h2", "Looks"),
        el("div", picture, class_="scroll to-end", tabindex=0, role="region", aria_label="Counts over time"),
        legend(),
        looks_table([(look, look_path(known.site.id, look.scene)) for look in known.looks]),
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
        class_=state,
    )


def _tracks(site: Site) -> Element:
    titles = ("Track", "Length", "Kind")
    body = (
        el(
            "tr",
            el("th", track.id, scope="row"),
            el("td", amount(None, track.length_m)),
            el("td", "main line" if track.main else "siding"),
        )
        for track in site.tracks
    )
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    scroll = el("div", table, class_="scroll", tabindex=0, role="region", aria_label="Tracks")
    return el("section", el("h2", f"{len(site.tracks)} tracks, {site.track_length_m / 1000:.1f} km"), scroll)
