"""The page of one look: what was seen of a site at one time, by car."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most, day, moment, number
from railwatch.services.alerting.pages.addresses import alert_path, look_path, site_path
from railwatch.services.alerting.pages.markup import date, document, el, rows
from railwatch.services.alerting.pages.parts import WORDS, found, header
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.events import EvidenceItem
from railwatch.shared.sites import Site


@dataclass(frozen=True)
class LookKnown:
    """What the page shows of a look.

    Attributes:
        site: the site.
        look: the look and its judgement.
        evidence: pictures and provenance by tile, as far as they are kept.
        alert: id of the alert that it belongs to; null if there is none.
        earlier: scene of the look before; null if there is none.
        later: scene of the look after; null if there is none.
    """

    site: Site
    look: Judgement
    evidence: Mapping[str, EvidenceItem]
    alert: str | None
    earlier: str | None
    later: str | None


def look_page(known: LookKnown) -> str:
    """The page as HTML."""
    site, look = known.site, known.look
    when = day(look.observed_at)
    return document(
        f"{site.name}, {when} - Railwatch",
        header(when, (site.name, site_path(site.id))),
        el("main", _summary(known), *_evidence(known), _links(known)),
        description=f"{site.name} on {when}: {found(look) or 'nothing could be seen'}",
    )


def _summary(known: LookKnown) -> Element:
    look = known.look
    return el(
        "section",
        el("p", WORDS[look.state], class_=f"state {look.state}"),
        el("h1", f"{known.site.name}, {day(look.observed_at)}"),
        el(
            "dl",
            *rows(
                ("Railcars", el("strong", found(look) or "not seen")),
                ("At most expected", None if look.threshold is None else at_most(look.threshold)),
                ("Usual", None if look.expected is None else f"about {number(look.expected)}"),
                ("Seen at", moment(look.observed_at)),
                ("Track seen", f"{look.coverage:.0%}"),
                ("Tiles not counted", ", ".join(look.missing_tiles) or None),
                ("Remarks on the scenes", " ".join(look.remarks) or None),
            ),
            class_="figures",
        ),
        el("nav", *_beside(known), class_="beside", aria_label="Looks before and after"),
        class_="summary",
    )


def _beside(known: LookKnown) -> Iterator[Element]:
    for scene, words, relation in ((known.earlier, "Look before", "prev"), (known.later, "Look after", "next")):
        if scene:
            yield el("a", words, href=look_path(known.site.id, scene), rel=relation)
    if known.alert:
        yield el("a", "Its alert", href=alert_path(known.alert))


def _evidence(known: LookKnown) -> Iterator[Element]:
    for tile, item in sorted(known.evidence.items()):
        baseline = item.baseline
        yield el(
            "section",
            el("h2", f"Tile {tile}"),
            el(
                "dl",
                *rows(
                    ("Scene", item.scene),
                    ("Algorithm", item.algorithm),
                    ("Baseline", f"version {baseline.version}, {baseline.origin}" if baseline else "none"),
                    ("Baseline seen on", date(baseline.observed_at) if baseline else None),
                ),
            ),
        )


def _links(known: LookKnown) -> Element:
    scenes: Sequence[str] = known.look.scenes
    links = (
        el("li", el("a", f"Scene {scene} as JSON", href=f"/v1/sites/{known.site.id}/scenes/{scene}"))
        for scene in scenes
    )
    return el("section", el("h2", "For programs"), el("ul", *links))
