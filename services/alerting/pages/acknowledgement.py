"""Who has acknowledged or silenced an alert, and the form to do so."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from railwatch.services.alerting.pages.markup import el
from railwatch.shared.events import AlertEvent, Transition

# The lengths of a silence that the form offers, in hours.
HOURS = {1: "1 hour", 8: "8 hours", 24: "1 day", 168: "1 week"}


def acknowledgement(events: Sequence[AlertEvent], now: datetime) -> Iterator[Element]:
    """The last acknowledgement, the silence if it has not ended, and the form while the alert stands."""
    by_people = {event.transition: event for event in events if event.by is not None}
    acknowledged, silenced = by_people.get(Transition.ACKNOWLEDGED), by_people.get(Transition.SILENCED)
    if acknowledged:
        yield el("p", acknowledged.reason, class_="acknowledged")
    if silenced and silenced.until and now < silenced.until:
        yield el("p", silenced.reason, class_="acknowledged")
    if events[-1].stands:
        yield el("details", el("summary", "Acknowledge or silence"), _form(events[-1].alert))


def _form(alert: str) -> Element:
    return el(
        "form",
        _field("Your name", el("input", name="by", required=True, maxlength=80, autocomplete="name")),
        _field("Note", el("input", name="note", maxlength=500)),
        _field("Token", el("input", name="token", type="password", required=True, autocomplete="current-password")),
        el("button", "Acknowledge", name="action", value="acknowledge"),
        _field(
            "Silence for",
            el("select", *(el("option", label, value=hours) for hours, label in HOURS.items()), name="hours"),
        ),
        el("button", "Silence", name="action", value="silence"),
        el("output", role="status"),
        class_="acknowledge",
        data_alert=alert,
    )


def _field(label: str, field: Element) -> Element:
    return el("label", el("span", label), field)
