"""The parts of pages that show the ground: a map at full size, and a comparison of two pictures."""

import json
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from railwatch.services.alerting.pages.markup import Content, el
from railwatch.shared.sites import Site

STYLES = ("maplibre-gl/maplibre-gl.css", "map.css", "ground.css")


def ground_map(site: Site, words: str, scene: str | None = None) -> Element:
    """The frame of a map. The page's script draws in it.

    Args:
        site: whose ground it shows.
        words: what it shows, for those who do not see it.
        scene: the look to show; null if the script chooses.
    """
    return el(
        "div",
        el("div", class_="map after"),
        el("div", class_="map before", hidden=True),
        el("div", class_="divide", hidden=True, aria_hidden="true"),
        el("noscript", "The map needs JavaScript."),
        class_="ground",
        role="region",
        aria_label=words,
        data_site=site.id,
        data_scene=scene,
        data_bounds=json.dumps(site.lines.bounds),
        data_tracks=json.dumps(_tracks(site)),
    )


def divider(before: str, after: str) -> Element:
    """The slider that says how much of the earlier picture is shown."""
    return el(
        "label",
        el("span", before, class_="earlier"),
        el(
            "input", type="range", min="0", max="100", value="50", aria_label="How much of the earlier picture is shown"
        ),
        el("span", after, class_="later"),
        class_="divider",
    )


def toggle(name: str, words: str, key: str, *, checked: bool) -> Element:
    """A box that shows or hides something on the map."""
    box = el("input", type="checkbox", name=name, checked=checked, aria_keyshortcuts=key)
    return el("label", box, words, class_="check", title=f"Key {key.upper()}")


def choice(label: str, name: str, options: Sequence[tuple[str, str]], selected: str | None = None) -> Element:
    """A label with a list to choose from: values and words."""
    items: list[Content] = [el("option", words, value=value, selected=value == selected) for value, words in options]
    return el("label", el("span", label), el("select", *items, name=name), class_="choice")


def _tracks(site: Site) -> dict[str, object]:
    features = [
        {
            "type": "Feature",
            "properties": {"track": track.id, "main": track.main},
            "geometry": {"type": "LineString", "coordinates": track.coordinates},
        }
        for track in site.tracks
    ]
    return {"type": "FeatureCollection", "features": features}
