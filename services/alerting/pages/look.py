"""The page of one look: what was seen of a site at one time, car by car at full size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import at_most, day, moment, number
from railwatch.services.alerting.pages import verdicts
from railwatch.services.alerting.pages.addresses import alert_path, look_path, site_path
from railwatch.services.alerting.pages.ground import STYLES, divider, ground_map, toggle
from railwatch.services.alerting.pages.look_tables import by_track, tiles
from railwatch.services.alerting.pages.markup import Content, document, el, rows
from railwatch.services.alerting.pages.outlines import DrawnCar
from railwatch.services.alerting.pages.parts import WORDS, found, header
from railwatch.services.alerting.pages.verdicts import recalibrated_words
from railwatch.services.alerting.products.kept import NoState
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Site

# What the page says of a look without a judgement, in short and as a sentence.
NOT_JUDGED = {
    NoState.FORGOTTEN: (
        "judgement not kept",
        "Judgements are kept of a site's newest looks only, and this one is older. Its count is as it was; what was "
        "expected then, the threshold and whether it had a part in an alert are not known here any more.",
    ),
    NoState.OTHER_SHOWN: (
        "another delivery was judged",
        "Another delivery shows the same instant, and was judged in place of this one.",
    ),
    NoState.NOT_JUDGED: ("not judged yet", "This look has not been compared with the site's history yet."),
}


@dataclass(frozen=True)
class LookKnown:
    """What the page shows of a look.

    Attributes:
        look: the look, its judgement and its counts.
        cars: its cars.
        earlier: scene of the look before; null if there is none.
        later: scene of the look after; null if there is none.
    """

    look: SiteLook
    cars: Sequence[DrawnCar]
    earlier: str | None
    later: str | None

    @property
    def site(self) -> Site:
        """The site."""
        return self.look.site

    @property
    def address(self) -> str:
        """Where programs find the look."""
        return f"/v1/sites/{self.site.id}/looks/{self.look.seen.scene}"


def look_page(known: LookKnown) -> str:
    """The page as HTML."""
    site, seen = known.site, known.look.seen
    when = day(seen.observed_at)
    return document(
        f"{site.name}, {when} - Railwatch",
        header(when, (site.name, site_path(site.id))),
        el(
            "main",
            _summary(known),
            *_ground(known),
            _verdicts(known),
            *by_track(known.look.events),
            *tiles(known.look.events, known.address),
            _links(known),
            class_="wide",
        ),
        description=f"{site.name} on {when}: {found(seen) or 'nothing could be seen'}",
        styles=(*STYLES, verdicts.STYLE),
        modules=("look.mjs", verdicts.MODULE),
    )


def _summary(known: LookKnown) -> Element:
    seen, judgement, counts = known.look.seen, known.look.judgement, known.look.events
    state, reason = NOT_JUDGED[known.look.no_state] if known.look.no_state else ("", "")
    if judgement:
        state, reason = WORDS[judgement.state], judgement.reason
        if judgement.state is State.UNOBSERVED and found(seen):
            state = "too little seen"
    return el(
        "section",
        el("p", state, class_=f"state {judgement.state if judgement else 'unobserved'}"),
        el("h1", f"{known.site.name}, {day(seen.observed_at)}"),
        el("p", reason, class_="sentence") if reason else None,
        el(
            "dl",
            *rows(
                ("Railcars", el("strong", found(seen) or "not seen")),
                ("As people's verdicts make it", recalibrated_words(seen.recalibrated) if seen.recalibrated else None),
                *(_judged(judgement) if judgement else (("At most expected", state),)),
                ("Seen at", moment(seen.observed_at)),
                ("Track seen", f"{seen.coverage:.0%}"),
                ("Quality", _quality(counts)),
                ("Sensor", ", ".join(sorted({count.sensor for count in counts if count.sensor})) or None),
                ("Tiles not counted", ", ".join(seen.missing_tiles) or None),
                ("Remarks on the scenes", " ".join(seen.remarks) or None),
            ),
            class_="figures",
        ),
        el("nav", *_beside(known), class_="beside", aria_label="Looks before and after"),
        class_="summary",
    )


def _judged(look: Judgement) -> Iterator[tuple[str, Content]]:
    yield "At most expected", None if look.threshold is None else at_most(look.threshold)
    yield "Usual", None if look.expected is None else f"about {number(look.expected)}"
    yield "From an archive", "yes: nobody was notified" if look.archival else None


def _quality(counts: Sequence[CountEvent]) -> str | None:
    qualities = sorted({count.result.quality.value for count in counts})
    reasons = sorted({reason for count in counts for reason in count.result.reasons})
    return f"{', '.join(qualities)}{': ' if reasons else ''}{', '.join(reasons)}" if counts else None


def _beside(known: LookKnown) -> Iterator[Element]:
    for scene, words, relation in (
        (known.earlier, "\u2190 Look before", "prev"),
        (known.later, "Look after \u2192", "next"),
    ):
        if scene:
            yield el("a", words, href=look_path(known.site.id, scene), rel=relation)
    if known.look.alert:
        yield el("a", "Its alert", href=alert_path(known.look.alert))


def _ground(known: LookKnown) -> Iterator[Element]:
    """The map at full size beside the list of cars. What people say of them stands below the map."""
    if not known.look.events:
        return
    baseline = next((count.baseline for count in known.look.events if count.baseline), None)
    tools: list[Content] = [
        toggle("cars", "Cars", "c", checked=True),
        toggle("tracks", "Tracks", "t", checked=True),
        toggle("baseline", "Beside the baseline", "b", checked=False) if baseline else None,
        el("button", "\u25c0", type="button", id="previous", aria_label="Previous car", title="Key P"),
        el("button", "\u25b6", type="button", id="next", aria_label="Next car", title="Key N"),
        el("button", "Whole site", type="button", id="whole", title="Key W"),
    ]
    slider = None
    if baseline:
        slider = divider(f"Baseline of {day(baseline.observed_at)}", day(known.look.seen.observed_at))
        slider.set("hidden", "")
    several = len(known.site.cells()) > 1
    items = (_car(drawn, several_tiles=several) for drawn in known.cars)
    cars = el("ol", *items, id="cars", class_="cars in-tiles" if several else "cars")
    nothing = el("p", "No single cars are counted at this look.") if not known.cars else None
    yield el(
        "section",
        el("h2", "Car by car"),
        el(
            "div",
            el(
                "div",
                el("div", *tools, class_="tools", role="toolbar", aria_label="What the map shows"),
                ground_map(known.site, "The ground at this look", known.look.seen.scene),
                slider,
                el("output", id="said", role="status"),
                class_="map-side",
            ),
            el(
                "div",
                el("p", _how_many(known.cars), class_="soft"),
                el("div", cars, class_="scroll-y", tabindex=0, role="region", aria_label="List of cars"),
                nothing,
                class_="list",
            ),
            class_="beside-list",
        ),
        id="car-by-car",
    )


def _verdicts(known: LookKnown) -> Element:
    return verdicts.look_tools(known.site.id, known.look.seen.scene)


def _how_many(cars: Sequence[DrawnCar]) -> str:
    doubtful = sum(drawn.car.probability < 0.5 for drawn in cars)
    each = f"{len(cars)} places where a car may stand, each with its probability."
    pink = f" At {doubtful}, drawn in pink, rather none stands." if doubtful else ""
    return f"{each}{pink} Keys N and P step through them."


def _car(drawn: DrawnCar, *, several_tiles: bool) -> Element:
    car = drawn.car
    kind = car.kind.value if car.kind else None
    sure = f" {car.kind_probability:.0%}" if car.kind_probability is not None else ""
    return el(
        "li",
        el(
            "button",
            el(
                "strong",
                f"{drawn.track} \u00b7 {drawn.number} ",
                el("span", drawn.tile, class_="tile") if several_tiles else None,
            ),
            el("span", f"{car.probability:.0%}", class_="probability"),
            el("span", f"{car.length_m:.1f} m", class_="length"),
            el("span", f"{kind}{sure}" if kind else "", class_="kind"),
            type="button",
            data_car=drawn.id,
        ),
    )


def _links(known: LookKnown) -> Element:
    links: Mapping[str, str] = {
        "The look, its cars and counts": known.address,
        **{f"Scene {scene}": f"/v1/sites/{known.site.id}/scenes/{scene}" for scene in known.look.seen.scenes},
        "Cars as GeoJSON": f"{known.address}/cars.geojson",
        "Map tiles (TileJSON)": f"{known.address}/ground.json",
    }
    items = (el("li", el("a", words, href=address)) for words, address in links.items())
    return el("section", el("h2", "For programs"), el("ul", *items))
