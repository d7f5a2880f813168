"""Looks side by side: their pictures through time, and how much of the track each of them saw."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.history.wording import day
from railwatch.services.alerting.pages.addresses import look_path
from railwatch.services.alerting.pages.markup import date, el
from railwatch.services.alerting.pages.parts import found
from railwatch.services.alerting.rule.judgement import Judgement

# Pixels of the strip of coverage.
WIDTH, HEIGHT = 960.0, 44.0


def pictures_strip(site: str, looks: Sequence[Judgement]) -> Element:
    """The looks' pictures in order of time. Each leads to its look."""
    strip = el("ol", *(_picture(site, look) for look in looks), class_="strip")
    return el("div", strip, class_="scroll to-end", tabindex=0, role="region", aria_label="Pictures through time")


def _picture(site: str, look: Judgement) -> Element:
    address = f"/v1/sites/{site}/looks/{look.scene}/thumbnail.webp"
    words = found(look) or "not seen"
    return el(
        "li",
        el(
            "a",
            el("img", src=address, alt="", loading="lazy", width=176, height=112),
            el("span", date(look.observed_at)),
            el("strong", words),
            href=look_path(site, look.scene),
        ),
        class_="above" if look.exceeds else None,
    )


def coverage_strip(looks: Sequence[Judgement]) -> Element:
    """A bar for each look: the share of the track that it saw."""
    step = WIDTH / len(looks)
    bars = (
        el(
            "g",
            el("title", f"{day(look.observed_at)}: {look.coverage:.0%} of the track seen"),
            el("rect", class_="room", x=n * step, y=0, width=max(step - 1, 0.5), height=HEIGHT),
            el(
                "rect",
                class_="seen",
                x=n * step,
                y=round(HEIGHT * (1 - look.coverage), 1),
                width=max(step - 1, 0.5),
                height=round(HEIGHT * look.coverage, 1),
            ),
        )
        for n, look in enumerate(looks)
    )
    least = min(looks, key=lambda look: look.coverage)
    words = f"Track seen at each of {len(looks)} looks, at least {least.coverage:.0%}"
    picture = el(
        "svg",
        el("title", words),
        *bars,
        class_="coverage",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
    return el("figure", picture, el("figcaption", "Share of the track seen, look by look"), class_="coverage")
