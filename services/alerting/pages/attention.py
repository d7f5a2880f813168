"""What people have said of an alert, and the form in which they say it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.lifecycle import STANDING
from railwatch.services.alerting.pages.markup import el
from railwatch.shared.events import AlertEvent, Transition

HOURS = {1: "1 hour", 8: "8 hours", 24: "1 day", 168: "1 week"}


def attention(events: Sequence[AlertEvent], now: datetime) -> Iterator[Element]:
    """The last acknowledgement, the silence if one holds, and the form while the alert stands."""
    event = events[-1]
    said = {step.transition: step for step in events if step.by is not None}
    acknowledged, silenced = said.get(Transition.ACKNOWLEDGED), said.get(Transition.SILENCED)
    if acknowledged:
        yield el("p", acknowledged.reason, class_="said")
    if silenced and silenced.until and now < silenced.until:
        yield el("p", silenced.reason, class_="said")
    if event.transition in STANDING:
        yield el("details", el("summary", "Acknowledge or silence"), _form(event.alert))


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
        class_="attention",
        data_alert=alert,
    )


def _field(label: str, field: Element) -> Element:
    return el("label", el("span", label), field)
