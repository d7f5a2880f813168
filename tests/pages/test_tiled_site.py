"""A site of several tiles in a browser: one ground without seams, and cars that are told apart by their tile."""

from collections.abc import Iterator

import numpy as np
import pytest

from railwatch.shared.settings import RedisSettings
from tests.pages.test_accessibility import serious_faults
from tests.pages.test_look_page import MAP, on_the_map
from tests.support.chromium import Page
from tests.support.looking import FORMS, Form, check_form, in_all_forms, shown, texts
from tests.support.tiled import tiled
from tests.support.watched import SCENES


@pytest.fixture
def url(redis_settings: RedisSettings) -> Iterator[str]:
    with tiled(redis_settings).serving() as address:
        yield address


@in_all_forms
def test_the_look_of_four_tiles_suits_every_screen(page: Page, url: str, form: Form) -> None:
    shown(page, f"{url}/sites/yard/looks/{SCENES[3]}", form)
    check_form(page, form, url)
    assert serious_faults(page) == []


def test_the_four_tiles_are_one_ground(page: Page, url: str) -> None:
    shown(page, f"{url}/sites/yard/looks/{SCENES[3]}")
    page.wait_for(f"{MAP}.ground.after.areTilesLoaded()")
    page.evaluate(f"{MAP}.ground.after.zoomTo({MAP}.ground.after.getZoom() + 1.5, {{ duration: 0 }}); null")
    page.wait_for(f"{MAP}.ground.after.loaded()")
    dark = (on_the_map(page).max(axis=2) < 50).mean(axis=0)
    assert np.median(dark) < 0.2
    assert dark.max() < 0.6, "no seam from top to bottom"


def test_cars_are_told_apart_by_their_tile(page: Page, url: str) -> None:
    shown(page, f"{url}/sites/yard/looks/{SCENES[3]}", FORMS["desk"])
    names = texts(page, "#cars button")
    assert len(set(names)) == len(names) > 3
    assert {name.split()[3] for name in names} >= {"r0c0", "r1c1"}
    page.press("n")
    page.wait_for("document.querySelector('#said').innerText.includes(' in tile r0c0,')")


def test_a_look_that_lacks_a_tile_says_so(page: Page, url: str) -> None:
    shown(page, f"{url}/sites/yard/looks/{SCENES[4]}")
    assert "too little seen" in texts(page, "p.state")[0].lower()
    assert "Tiles not counted\nr1c1" in page.evaluate("document.querySelector('.figures').innerText")
