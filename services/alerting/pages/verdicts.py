"""What people say of looks and alerts, on the pages: the tools to say it, and what it teaches of a site.

The tools are a form that `assets/verdicts.mjs` brings to life; what was said comes from the API of verdicts.
"""

from collections.abc import Iterable, Mapping, Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import number
from railwatch.services.alerting.pages.markup import Content, el
from railwatch.services.alerting.state.records import Taught
from railwatch.services.alerting.verdicts.tallies import AlertTally, Share, Tally, per_year
from railwatch.services.alerting.verdicts.wording import REASONS
from railwatch.shared.events import Recalibrated

STYLE, MODULE = "verdicts.css", "verdicts.mjs"

# Fewer years of watching, all sites together, say nothing of a rate of alerts.
LEAST_YEARS = 0.5


def look_tools(site: str, scene: str) -> Element:
    """The tools of a look's page: a car that is chosen on the map is judged below it."""
    return _tools(
        f"/v1/sites/{site}/looks/{scene}/verdicts",
        "What people say of this look",
        _group(
            "The chosen car",
            _button("not-a-car", "No car", "X"),
            _reasons("What it is"),
            _button("two-cars", "Two cars", "D"),
            _button("one-car", "One with another", "J"),
        ),
        _group("On the map", _button("missed-car", "A car was missed here", "M")),
        _group(
            "The whole look",
            _button("right", "Right as it is", "R"),
            el("label", "Right total ", el("input", name="total", type="number", min="0", max="100000", size="5")),
            _button("total", "Set the total"),
        ),
    )


def alert_tools(alert: str) -> Element:
    """The tools of an alert's page."""
    return _tools(
        f"/v1/alerts/{alert}/verdicts",
        "Is this alert right?",
        _group(
            "This alert is",
            _button("right", "Right", "R"),
            _button("false", "False", "X"),
            _reasons("Because of"),
            _button("unclear", "Unclear"),
        ),
    )


def recalibrated_words(recalibrated: Recalibrated) -> str:
    """A count with the site's verdicts, in short; the page says that it is not the detector's."""
    interval = f"{number(recalibrated.low)} to {number(recalibrated.high)}"
    looks = f"{recalibrated.verdicts} earlier look{'' if recalibrated.verdicts == 1 else 's'}"
    return f"{number(recalibrated.count)} ({interval}), by verdicts on {looks}"


def site_verdicts(taught: Taught | None) -> Element | None:
    """What verdicts teach of a site, for its page; null if there are none."""
    if taught is None:
        return None
    learned = taught.learned
    parts: list[Content] = [el("h2", "What people's verdicts teach")]
    if learned:
        parts.append(
            el(
                "p",
                f"Of later counts here, {learned.share:.0%} and {learned.bias:+.1f} cars is the truth, in intervals "
                f"{learned.width:.2f} times as wide as the detector's. Learned from {learned.looks} "
                f"look{'' if learned.looks == 1 else 's'} with a true count.",
            )
        )
    if taught.cars:
        parts.append(_cars_table(taught.cars))
    said = taught.alerts
    if said.right + said.false + said.unclear:
        told = f" {_share(said.precision)} of all alerts here are right." if said.precision else ""
        parts.append(el("p", f"Alerts: {said.right} right, {said.false} false, {said.unclear} unclear.{told}"))
    if len(parts) == 1:
        parts.append(el("p", f"{taught.verdicts} verdicts; none of them tells of a whole look yet."))
    return el("section", *parts, class_="taught")


def alert_record(taught: Iterable[Taught], alerts: int, site_years: float) -> Element | None:
    """How good alerts are, for the overview: alerts per site-year, and how many of them people call right.

    Args:
        taught: what verdicts teach, of each site that has any.
        alerts: how many alerts opened at the sites.
        site_years: how long the sites were watched, all together.
    """
    words: list[Content] = []
    if site_years >= LEAST_YEARS:
        at, low, high = per_year(alerts, site_years)
        rate = f"{at:.2g} alerts per site-year ({low:.2g} to {high:.2g}), {alerts} in {site_years:.3g} site-years."
        words.append(el("span", rate))
    said = sum((one.alerts for one in taught), AlertTally())
    if said.precision:
        judged = said.right + said.false
        words.append(el("span", f" Of {judged} alerts that people judged, {_share(said.precision)} are right."))
    return el("p", *words, class_="alert-record soft") if words else None


def _tools(address: str, title: str, *groups: Element) -> Element:
    return el(
        "section",
        el("h2", title),
        el("p", "No verdict yet.", class_="both", role="status"),
        el(
            "form",
            *groups,
            _group(
                "Anything else",
                el("label", "Note ", el("input", name="note", maxlength="500")),
                _button("second-look", "Ask for a second look"),
                _button("undo", "Undo", "U"),
            ),
            el(
                "fieldset",
                el("legend", "Who says it"),
                el("label", "Token ", el("input", name="token", type="password", autocomplete="current-password")),
                el(
                    "label",
                    "Name, if the token is shared ",
                    el("input", name="by", maxlength="80", autocomplete="name"),
                ),
                class_="who",
            ),
            el("output", role="alert"),
        ),
        el("ol", class_="said"),
        class_="verdicts",
        data_address=address,
    )


def _group(legend: str, *content: Element) -> Element:
    return el("fieldset", el("legend", legend), *content)


def _button(kind: str, words: str, key: str | None = None) -> Element:
    shown = el("kbd", key) if key else None
    return el("button", words, shown, type="button", name="kind", value=kind, aria_keyshortcuts=key)


def _reasons(label: str) -> Element:
    options = (el("option", words, value=reason.value) for reason, words in REASONS.items())
    return el("label", f"{label} ", el("select", *options, name="reason"))


def _cars_table(tallies: Sequence[Tally]) -> Element:
    titles = ("Condition", "Looks", "Precision", "Recall", "False", "Missed")
    body = (
        el(
            "tr",
            el("th", WORDS.get(tally.condition, tally.condition), scope="row"),
            el("td", str(tally.looks)),
            el("td", _share(tally.precision)),
            el("td", _share(tally.recall)),
            el("td", str(tally.false)),
            el("td", str(tally.missed)),
        )
        for tally in tallies
    )
    table = el("table", el("thead", el("tr", *(el("th", t, scope="col") for t in titles))), el("tbody", *body))
    return el("div", table, class_="scroll", tabindex=0, role="region", aria_label="Precision and recall")


# What people read for the conditions.
WORDS: Mapping[str, str] = {
    "all": "all looks",
    "low-sun": "low sun",
    "no-baseline": "without a whole baseline",
    "unfamiliar": "unlike what the model knows",
    "cloud": "partly hidden",
}


def _share(share: Share | None) -> str:
    return "" if share is None else f"{share.at:.0%} ({share.low:.0%} to {share.high:.0%})"
