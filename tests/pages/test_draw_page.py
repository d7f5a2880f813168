"""The page on which sites are drawn, in a browser: by pointer and keyboard, desk and phone, light and dark."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from railwatch.services.ingest.settings import IngestSettings
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.sites import read_site
from tests.support.chromium import Page
from tests.support.drawing import TOKEN, Office, office
from tests.support.tiles import COLOUR, tile_server


@pytest.fixture
def place(tmp_path: Path) -> Office:
    return office(tmp_path, Tokens(None, [SecretStr(TOKEN)], [Scope.DRAW]))


@pytest.fixture
def url(place: Office) -> Iterator[str]:
    with place.serving() as address:
        yield f"{address}/draw?site=west-yard"


def opened(page: Page, url: str, *, width: int = 1200, dark: bool = False) -> None:
    """The page with the yard on it."""
    page.show(url, width=width, height=800, dark=dark)
    page.wait_for("document.documentElement.dataset.ready === 'yes'")
    sign_in(page, TOKEN)
    page.wait_for("document.querySelectorAll('#list li').length === 10 && said().className === 'good'")


def sign_in(page: Page, token: str) -> None:
    page.evaluate("window.said = () => document.getElementById('said')")
    page.evaluate(
        f"document.querySelector('[name=token]').value = {json.dumps(token)};"
        "document.getElementById('sign-in').requestSubmit()"
    )


def click(page: Page, selector: str) -> None:
    page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")


def press_on_map(page: Page, x: int, y: int) -> None:
    for kind in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390], ids=["desk", "phone"])
def test_the_yard_is_shown_with_its_picture_everywhere(page: Page, url: str, width: int, dark: bool) -> None:
    page.events.clear()
    opened(page, url, width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelectorAll('.name').length") == 10
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    ink, ground = (sum(int(part) for part in colour[4:-1].split(",")) for colour in colours)
    assert (ink > ground) == dark
    assert abs(ink - ground) > 400
    assert page.complaints() == []
    origin = url.partition("/draw")[0]
    assert all(address.startswith((origin, f"blob:{origin}", "data:")) for address in page.requested())
    assert page.picture().startswith(b"\x89PNG")


def test_a_base_map_is_drawn_below_and_nothing_else_is_asked_for(page: Page, tmp_path: Path) -> None:
    tokens = Tokens(None, [SecretStr(TOKEN)], [Scope.DRAW])
    with tile_server() as tiles, tile_server() as another:
        settings = IngestSettings(base_map=tiles.template, base_map_credit="Tiles by Example")
        with office(tmp_path, tokens, settings).serving() as address:
            page.events.clear()
            opened(page, f"{address}/draw?site=west-yard")
            page.wait_for("document.querySelector('.maplibregl-ctrl-attrib').innerText.includes('Tiles by Example')")
            share = 0.0
            while share < 0.2:  # tiles fade in
                pixels = np.asarray(Image.open(io.BytesIO(page.picture(whole=False))).convert("RGB")).astype(int)
                share = float((abs(pixels - COLOUR).max(axis=-1) < 4).mean())
            refused = f"fetch('{another.url}/1/1/1.png').then(() => 'let through', () => 'refused')"
            assert page.complaints() == []
            assert page.evaluate(refused) == "refused"
            assert another.asked == []
            assert all(re.fullmatch(r"/\d+/\d+/\d+\.png", path) for path in tiles.asked)
            origins = (address, f"blob:{address}", "data:", tiles.url)
            assert all(asked.startswith(origins) for asked in page.requested() if another.url not in asked)


def test_without_a_good_token_nothing_is_shown(page: Page, url: str) -> None:
    page.show(url)
    page.wait_for("document.documentElement.dataset.ready === 'yes'")
    sign_in(page, "wrong")
    page.wait_for("said().innerText.includes('bearer token')")
    assert page.evaluate("document.getElementById('work').hidden")


def test_a_track_is_drawn_with_the_pointer_and_saved(page: Page, url: str, place: Office) -> None:
    opened(page, url)
    click(page, "#new-track")
    for x, y in ((200, 200), (300, 400), (420, 600)):
        press_on_map(page, x, y)
    page.wait_for("document.querySelector('#list li:last-child .more').innerText.match(/^[1-9]\\d+ m/)")
    click(page, "[data-do=end]")
    click(page, "#save")
    page.wait_for("said().innerText === 'west-yard is saved.'")
    (track,) = [track for track in read_site(place.sites / "west-yard.yaml").site.tracks if track.id == "track-1"]
    assert len(track.coordinates) == 3
    assert 50 < track.length_m < 500


def test_a_track_is_drawn_by_keyboard_alone(page: Page, url: str) -> None:
    opened(page, url)
    page.evaluate("document.getElementById('new-track').focus()")
    page.press("Enter")
    page.evaluate("document.querySelector('.maplibregl-canvas').focus()")
    page.press("Enter")
    length = "document.querySelector('#list li:nth-child(11) .more').innerText"
    assert page.evaluate(length).startswith("0 m")
    for _ in range(200):  # the map glides
        page.press("ArrowRight")
        page.press("Enter")
        if int(page.evaluate(length).split()[0]) > 20:
            break
    click(page, "[data-do=end]")
    click(page, "#save")
    page.wait_for("said().innerText === 'west-yard is saved.'")
    assert page.evaluate("document.querySelectorAll('#list li').length") == 11


def test_a_change_of_somebody_else_is_not_overwritten(page: Page, url: str, place: Office) -> None:
    opened(page, url)
    file = place.sites / "west-yard.yaml"
    file.write_text(file.read_text().replace("West Yard", "Changed meanwhile"))
    click(page, "#list li button:nth-of-type(2)")
    click(page, "#save")
    page.wait_for("said().innerText.includes('Somebody has changed the site')")
    assert "Changed meanwhile" in file.read_text()


def test_the_first_count_is_shown_with_its_cars(page: Page, url: str) -> None:
    opened(page, url)
    click(page, "#count")
    page.wait_for("said().innerText === 'Counted.'")
    assert " cars (" in page.evaluate("document.getElementById('counted').innerText")
