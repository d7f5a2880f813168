"""The overview of all sites. Those with an alert come first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most
from railwatch.services.alerting.pages.addresses import alert_path, site_path
from railwatch.services.alerting.pages.alert import short_sentence
from railwatch.services.alerting.pages.markup import Content, date, document, el
from railwatch.services.alerting.pages.parts import WORDS, found, header
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.events import AlertEvent, Miss, MissedLookEvent
from railwatch.shared.sites import Site

# The columns after site and state.
FIGURES = ("Railcars", "At most expected", "Judged on", "Last look")


def overview_page(
    sites: Sequence[Site],
    statuses: Mapping[str, SiteStatus],
    standing: Sequence[AlertEvent],
    missed: Sequence[MissedLookEvent],
    pages: Content,
) -> str:
    """The page as HTML.

    Args:
        sites: the sites of this page, in order.
        statuses: how sites stand.
        standing: the last event of each alert that stands, worst first.
        missed: the last events of looks that should have come by now.
        pages: links to the other pages.
    """
    return document(
        "Railwatch",
        header("All sites"),
        el(
            "main",
            el(
                "section",
                el("h1", _headline(standing)),
                el("ul", *(_alert(event) for event in standing), class_="alerts") if standing else None,
            ),
            el("section", el("h2", "Sites"), _table(sites, statuses, missed), pages),
        ),
        description=_headline(standing),
    )


def _headline(standing: Sequence[AlertEvent]) -> str:
    if not standing:
        return "No alert stands"
    return "1 alert stands" if len(standing) == 1 else f"{len(standing)} alerts stand"


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


def _table(sites: Sequence[Site], statuses: Mapping[str, SiteStatus], missed: Sequence[MissedLookEvent]) -> Element:
    head = el("thead", el("tr", *(el("th", title, scope="col") for title in ("Site", "State", *FIGURES))))
    overdue: dict[str, list[Element]] = defaultdict(list)
    for event in missed:
        overdue[event.site].append(_overdue(event))
    body = el("tbody", *(_row(site, statuses.get(site.id), overdue[site.id]) for site in sites))
    return el("div", el("table", head, body, class_="sites"), class_="scroll", tabindex=0)


def _row(site: Site, status: SiteStatus | None, overdue: Sequence[Element]) -> Element:
    name = el("th", el("a", site.name, href=site_path(site.id)), scope="row")
    if status is None:
        return el("tr", name, el("td", "never seen", *overdue, colspan=1 + len(FIGURES)))
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
