"""The page of a look in a browser: its ground at full size, and its cars one after another."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from railwatch.shared.settings import RedisSettings
from tests.support.chromium import Page
from tests.support.looking import FORMS, Form, check_form, in_all_forms, shown, texts
from tests.support.watched import SCENES, watched

MAP = "document.querySelector('.ground')"


@pytest.fixture
def url(redis_settings: RedisSettings) -> Iterator[str]:
    with watched(redis_settings).serving() as address:
        yield address


def look(url: str, number: int = 4) -> str:
    return f"{url}/sites/yard/looks/{SCENES[number]}"


def seen(page: Page) -> NDArray[np.int64]:
    """What the browser shows at the moment: rows, columns, colours."""
    return np.asarray(Image.open(io.BytesIO(page.picture(whole=False))).convert("RGB")).astype(np.int64)


def on_the_map(page: Page) -> NDArray[np.int64]:
    """The middle of the map, as it is shown."""
    page.evaluate(f"{MAP}.scrollIntoView({{ block: 'center' }})")
    left, top, width, height = (
        int(side)
        for side in page.evaluate(
            f"(({{ x, y, width, height }}) => [x, y, width, height])({MAP}.getBoundingClientRect())"
        )
    )
    picture = seen(page)[top : top + height, left : left + width]
    return picture[height // 4 : -height // 4, width // 4 : -width // 4]


def asked_zooms(page: Page) -> set[int]:
    """The zooms of the map tiles that were asked for."""
    return {int(path.split("/ground/")[1].split("/")[0]) for path in page.requested() if "/ground/" in path}


@in_all_forms
def test_a_look_suits_every_screen(page: Page, url: str, form: Form) -> None:
    shown(page, look(url), form)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    check_form(page, form, url)
    page.wait_for("[...document.querySelectorAll('.figures-side-by-side img')].every(image => image.naturalWidth)")


def test_the_ground_is_shown_at_full_size_car_by_car(page: Page, url: str) -> None:
    shown(page, look(url))
    deepest = page.evaluate(
        f"fetch('{look(url)}'.replace('/sites', '/v1/sites') + '/ground.json').then((a) => a.json())"
    )
    far = page.evaluate(f"{MAP}.ground.after.getZoom()")
    cars = len(texts(page, "#cars button"))
    assert cars > 5
    page.evaluate("document.querySelector('#cars button').focus()")
    page.press("Enter")
    page.wait_for(f"document.querySelector('#said').innerText.startsWith('Car 1 of {cars}: track ')")
    page.wait_for(f"{MAP}.ground.after.loaded()")
    assert page.evaluate(f"{MAP}.ground.after.getZoom()") > far
    assert max(asked_zooms(page)) == deepest["maxzoom"]
    page.press("ArrowDown")
    page.wait_for(f"document.querySelector('#said').innerText.startsWith('Car 2 of {cars}: track ')")
    assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
    for key, place in (("n", 3), ("p", 2), ("p", 1), ("p", cars)):
        page.press(key)
        page.wait_for(f"document.querySelector('#said').innerText.startsWith('Car {place} of')")
    assert page.complaints() == []


def test_a_chosen_car_stands_in_the_middle_and_others_hear_of_it(page: Page, url: str) -> None:
    shown(page, look(url))
    page.evaluate("document.addEventListener('railwatch:car', ({ detail }) => { window.heard = detail; })")
    assert on_the_map(page).mean(axis=2).std() > 5, "the ground is no grey area"
    page.press("n")
    page.wait_for("window.heard?.id === document.querySelector('#cars button').dataset.car")
    away = f"{MAP}.ground.after.getCenter().distanceTo({{ lng: heard.lon, lat: heard.lat, toArray() {{}} }})"
    page.wait_for(f"{away} < 1")
    shown(page, f"{look(url)}#{page.evaluate('heard.id')}")
    page.wait_for("document.querySelector('#cars [aria-current]') === document.querySelector('#cars button')")


def test_the_baseline_can_be_laid_beside_the_look(page: Page, url: str) -> None:
    shown(page, look(url))
    page.evaluate("document.querySelector('[name=baseline]').focus()")
    page.press(" ")
    page.wait_for("!document.querySelector('.divider').hidden")
    page.wait_for("performance.getEntriesByType('resource').some(({ name }) => name.includes('layer=baseline'))")
    shown_part = f"getComputedStyle({MAP}.querySelector('.before')).clipPath"
    half = page.evaluate(shown_part)
    page.evaluate("document.querySelector('.divider input').focus()")
    for _ in range(10):
        page.press("ArrowRight")
    assert page.evaluate(shown_part) != half


def test_what_lies_on_the_map_can_be_hidden(page: Page, url: str) -> None:
    shown(page, look(url))
    plain = on_the_map(page)
    page.press("t")
    page.press("c")
    assert page.evaluate("document.querySelector('[name=cars]').checked") is False
    orange = [255, 176, 0]
    assert (abs(plain - orange).max(axis=2) < 60).any()
    while (abs(on_the_map(page) - orange).max(axis=2) < 60).any():  # the next frame is drawn soon
        pass


def test_a_look_without_pictures_says_so(page: Page, redis_settings: RedisSettings) -> None:
    behind = watched(redis_settings)
    with behind.serving() as url:
        shown(page, f"{url}/sites/tumangang/looks/scene-69")
        page.wait_for("document.querySelector('#said').innerText.includes('cannot be shown')")
        assert "70 (68 to 72)" in page.evaluate("document.querySelector('.figures').innerText")


def test_on_a_phone_the_list_stands_below_the_map(page: Page, url: str) -> None:
    shown(page, look(url), FORMS["phone"])
    top = "document.querySelector('{}').getBoundingClientRect().top"
    assert page.evaluate(top.format(".ground")) < page.evaluate(top.format("#cars"))
