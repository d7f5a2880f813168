"""The page of one alert: how many railcars, since when, and what proves it. It is readable in ten seconds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most, cars, day, lag, metres, number
from railwatch.services.alerting.pages import verdicts
from railwatch.services.alerting.pages.acknowledgement import acknowledgement
from railwatch.services.alerting.pages.addresses import look_path, site_path
from railwatch.services.alerting.pages.markup import Content, date, document, el, rows
from railwatch.services.alerting.pages.parts import header, looks_table
from railwatch.services.alerting.pages.timeline import legend, timeline
from railwatch.services.alerting.pages.verdicts import recalibrated_words
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.counts import BlobRef
from railwatch.shared.events import AlertEvent, EvidenceItem, JudgedLook, Transition

# What the page says of an alert that no longer stands.
OVER = {Transition.RESOLVED: "Ended", Transition.RETRACTED: "Withdrawn"}


def alert_page(
    events: Sequence[AlertEvent], looks: Sequence[JudgedLook], context: Sequence[tuple[str, datetime]], now: datetime
) -> str:
    """The page as HTML.

    Args:
        events: the alert's transitions, oldest first.
        looks: the site's looks to draw, oldest first.
        context: title and time of the site's context events.
        now: the present.
    """
    event = events[-1]
    return document(
        f"{event.site_name}: {_title(event.look)}",
        header(f"Alert of {day(event.opened_at)}", (event.site_name, site_path(event.site))),
        el(
            "main",
            el(
                "section",
                _state(event),
                el("h1", event.site_name),
                el("p", short_sentence(event), class_="sentence"),
                _figures(event),
                *acknowledgement(events, now),
                class_="summary",
            ),
            el(
                "section",
                el("h2", "Looks"),
                el(
                    "div",
                    timeline(looks, event.onset, context, event.look.observed_at),
                    class_="scroll to-end",
                    tabindex=0,
                ),
                legend(),
                looks_table([(look, _page_of(event.site, look)) for look in looks]),
                aria_label="Looks over time",
            ),
            verdicts.alert_tools(event.alert),
            *(_evidence(event, item) for item in event.evidence),
            _life(events),
        ),
        description=event.sentence,
        styles=(verdicts.STYLE,),
        modules=(verdicts.MODULE,),
    )


def short_sentence(event: AlertEvent) -> str:
    """The sentence without the name of the site, which stands above it."""
    sentence = event.sentence.removeprefix(f"{event.site_name}: ")
    return sentence[:1].upper() + sentence[1:]


def _page_of(site: str, look: JudgedLook) -> str | None:
    return look_path(site, look.scene) if isinstance(look, Judgement) else None


def _state(event: AlertEvent) -> Element:
    over = OVER.get(event.transition)
    return el("p", over or f"Standing, {event.severity}", class_=f"state {'over' if over else event.severity}")


def _figures(event: AlertEvent) -> Element:
    look = event.look
    return el(
        "dl",
        *rows(
            *_found(look),
            ("Seen on", date(look.observed_at)),
            ("As people's verdicts make it", recalibrated_words(look.recalibrated) if look.recalibrated else None),
            ("At most expected", None if look.threshold is None else at_most(look.threshold)),
            ("Usual", None if look.expected is None else f"about {number(look.expected)}"),
            ("Chance of this if nothing changed", None if look.p_value is None else _chance(look.p_value)),
            ("Rise began", _onset(event)),
            ("Track seen", f"{look.coverage:.0%}"),
            ("Alert opened", date(event.opened_at)),
            ("Tiles not counted", ", ".join(event.missing_tiles) or None),
            ("Remarks on the scenes", " ".join(look.remarks) or None),
        ),
        class_="figures",
    )


def _title(look: JudgedLook) -> str:
    return f"{number(look.count)} railcars" if look.occupied is None else f"{metres(look.occupied)} of trains"


def _found(look: JudgedLook) -> Iterator[tuple[str, Content]]:
    if look.occupied is not None:
        yield "Track under trains", el("strong", metres(look.occupied))
        yield "Railcars", f"{cars(look.occupied)}: too coarse to count"
        return
    interval = f" ({number(look.low)} to {number(look.high)})" if look.count is not None else None
    yield "Railcars", el("span", el("strong", number(look.count)), interval)


def _onset(event: AlertEvent) -> Content:
    if event.onset is None:
        return None
    spread = f" ({day(event.onset.low, event.onset.at)} to {day(event.onset.high, event.onset.at)})"
    lags = (el("span", lag(context), class_="lag") for context in event.context)
    return el("span", date(event.onset.at), spread, *(el("br") for _ in event.context[:1]), *lags)


def _evidence(event: AlertEvent, item: EvidenceItem) -> Element:
    whole = len(event.evidence) == 1
    frames = sum(other.tile == item.tile for other in event.evidence)
    name = f"tile {item.tile}, frame {item.scene}" if frames > 1 else f"tile {item.tile}"
    return el(
        "section",
        el("h2", "Evidence" if whole else f"Evidence, {name}"),
        *_pictures(event, item),
        el("details", el("summary", "Provenance"), el("dl", *_provenance(event.site, item), class_="provenance")),
        aria_label=f"Evidence of {name}",
    )


def _pictures(event: AlertEvent, item: EvidenceItem) -> Iterator[Element]:
    pictures = {name: f"/v1/alerts/{event.alert}/pictures/{ref.sha256}" for name, ref in item.pictures.items()}
    if {"baseline", "tile"} <= pictures.keys():
        yield _slider(pictures, _before(item), day(event.look.observed_at))
    found = "Track under trains" if event.look.occupied else "Counted cars, numbered along each track"
    captions = {"cars": found, "difference": "What changed against the baseline"}
    for name, caption in captions.items():
        if name in pictures:
            yield _figure(pictures[name], caption)


def _before(item: EvidenceItem) -> str:
    return day(item.baseline.observed_at) if item.baseline else "baseline"


def _slider(pictures: Mapping[str, str], before: str, after: str) -> Element:
    return el(
        "figure",
        el(
            "div",
            el("img", src=pictures["tile"], alt=f"The site on {after}", loading="lazy"),
            el("img", src=pictures["baseline"], alt=f"The site on {before}", class_="before", loading="lazy"),
            el("input", type="range", min="0", max="100", value="50", aria_label=f"How much of {before} is shown"),
            class_="slider",
        ),
        el("figcaption", el("span", f"Before: {before}"), el("span", f"After: {after}")),
    )


def _figure(address: str, caption: str) -> Element:
    return el(
        "figure",
        el("a", el("img", src=address, alt=caption, loading="lazy"), href=address),
        el("figcaption", caption),
    )


def _provenance(site: str, item: EvidenceItem) -> Iterator[Element]:
    baseline = item.baseline
    yield from rows(
        ("Scene", el("a", item.scene, href=look_path(site, item.scene))),
        ("Tile", item.tile),
        ("Image, SHA-256", _sum(item.image)),
        ("Algorithm", item.algorithm),
        ("Baseline", None if baseline else "none: counted from this image alone"),
    )
    if baseline:
        yield from rows(
            ("Baseline", f"version {baseline.version}, {baseline.origin}"),
            ("Baseline seen on", date(baseline.observed_at)),
            ("Baseline scene", baseline.scene),
            ("Baseline image, SHA-256", _sum(baseline.image)),
        )


def _life(events: Sequence[AlertEvent]) -> Element:
    items = (
        el("li", el("strong", event.transition.value), " ", date(event.recorded_at), el("br"), event.reason)
        for event in reversed(events)
    )
    return el("section", el("h2", "Life of this alert"), el("ol", *items, reversed=True, class_="life"))


def _sum(ref: BlobRef) -> Element:
    return el("code", ref.sha256)


def _chance(p_value: float) -> str:
    if p_value >= 0.01:
        return f"{p_value:.0%}"
    return f"1 in {1 / max(p_value, 1e-9):,.0f}" if p_value > 1e-6 else "less than 1 in a million"
