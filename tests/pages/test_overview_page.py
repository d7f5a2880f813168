"""The overview in a browser: a map and a table of ten thousand sites, by keyboard, on a desk and on a phone."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from railwatch.shared.settings import RedisSettings
from tests.support.chromium import Page
from tests.support.looking import FORMS, Form, check_form, in_all_forms, shown, texts
from tests.support.watched import watched

MANY = 10_000


@pytest.fixture
def url(redis_settings: RedisSettings) -> Iterator[str]:
    with watched(redis_settings, MANY).serving() as address:
        yield address


@pytest.fixture
def few(redis_settings: RedisSettings) -> Iterator[str]:
    with watched(redis_settings, 40).serving() as address:
        yield address


def tab_to(page: Page, test: str) -> None:
    """Press Tab until the focus is on an element of which the expression is true."""
    for _ in range(60):
        page.press("Tab")
        if page.evaluate(f"(element => Boolean({test}))(document.activeElement)"):
            return
    raise AssertionError(f"no Tab leads to {test}")


def typed(page: Page, text: str) -> None:
    page.command("Input.insertText", text=text)


def take_map(page: Page) -> None:
    """Give the map the name `sites`."""
    page.evaluate("import('/assets/sites-map.mjs').then(({ SitesMap }) => { window.sites = SitesMap.shown; })")


def on_map(page: Page) -> int:
    """How many sites the map holds, those of clusters included."""
    return int(
        page.evaluate(
            """(() => {
                const seen = new Map();
                for (const { id, properties } of sites.map.querySourceFeatures("sites"))
                    seen.set(id ?? `place ${properties.place}`, properties.point_count ?? 1);
                return [...seen.values()].reduce((sum, many) => sum + many, 0);
            })()"""
        )
    )


def test_ten_thousand_sites_are_on_the_map_and_in_the_table(page: Page, url: str) -> None:
    shown(page, url + "/")
    assert texts(page, "#shown") == ["10,002 sites"]
    assert texts(page, "#sites th")[0] == "Tumangang"
    page.wait_for("document.querySelector('#map canvas').getBoundingClientRect().width > 300")
    take_map(page)
    page.wait_for("sites.map.areTilesLoaded() && sites.map.querySourceFeatures('sites').length > 0")
    assert on_map(page) >= MANY
    longest = page.evaluate(
        """(async () => {
            const frames = [];
            sites.map.on('render', () => frames.push(performance.now()));
            sites.map.easeTo({ zoom: sites.map.getZoom() + 2, duration: 600 });
            await new Promise((done) => sites.map.once('idle', done));
            return frames.length;
        })()"""
    )
    assert longest > 1, "the map moves in steps that can be seen, not in one"
    assert page.complaints() == []


def test_sites_are_searched_filtered_and_sorted_by_keyboard_alone(page: Page, url: str) -> None:
    shown(page, url + "/")
    tab_to(page, "element.name === 'q'")
    typed(page, "yard 0012")
    page.wait_for("document.querySelector('#shown').innerText === '11 of 10,002 sites'")
    assert texts(page, "#sites th")[:2] == ["Yard 00012", "Yard 00120"]
    page.wait_for("location.search.includes('q=yard+0012')")
    tab_to(page, "element.dataset.sort === 'name' || element.parentElement?.dataset.sort === 'name'")
    for _ in range(2):
        page.press("Enter")
    assert page.evaluate("document.querySelector('th[data-sort=name]').ariaSort") == "descending"
    assert texts(page, "#sites th")[0] == "Yard 00129"
    tab_to(page, "element.closest('#sites')")
    page.press("Enter")
    page.wait_for("location.pathname === '/sites/site-00129' && document.readyState === 'complete'")


def test_a_state_is_chosen_and_the_address_can_be_passed_on(page: Page, few: str) -> None:
    shown(page, few + "/")
    tab_to(page, "element.name === 'state' && element.value === 'alert'")
    page.press(" ")
    page.wait_for("document.querySelector('#shown').innerText === '1 of 42 sites'")
    address = page.evaluate("location.href")
    shown(page, address)
    assert texts(page, "#sites th") == ["Tumangang"]
    page.evaluate("document.querySelector('#choices [type=reset]').click()")
    page.wait_for("document.querySelector('#shown').innerText === '42 sites'")


def test_only_what_the_map_shows_is_listed_if_so_chosen(page: Page, few: str) -> None:
    shown(page, few + "/")
    take_map(page)
    page.evaluate("document.querySelector('[name=seen]').click()")
    page.evaluate("void sites.map.jumpTo({ center: [130.61, 42.416], zoom: 11 })")
    page.wait_for("document.querySelector('#shown').innerText === '1 of 42 sites'")
    assert texts(page, "#sites th") == ["Tumangang"]
    page.evaluate("document.querySelector('#sites a').focus()")
    assert page.evaluate("sites.map.getSource('pointed').serialize().data.features.length") == 1


def test_a_site_on_the_map_says_what_it_is(page: Page, few: str) -> None:
    shown(page, few + "/")
    take_map(page)
    page.evaluate("document.querySelector('#map').scrollIntoView()")
    page.evaluate("void sites.map.jumpTo({ center: [130.61, 42.416], zoom: 12 })")
    page.wait_for("sites.map.queryRenderedFeatures({ layers: ['single'] }).length === 1")
    at = page.evaluate("(({ x, y }) => [x, y])(sites.map.project([130.61215, 42.416]))")
    box = page.evaluate(
        "(({ left, top }) => [left, top])(document.querySelector('#map canvas').getBoundingClientRect())"
    )
    x, y = box[0] + at[0], box[1] + at[1]
    for kind in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    page.wait_for("document.querySelector('.told')?.innerText.includes('70 (68 to 72) railcars')")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/sites/tumangang"


@in_all_forms
def test_the_overview_suits_every_screen(page: Page, few: str, form: Form) -> None:
    shown(page, few + "/", form)
    check_form(page, form, few)
    page.evaluate("document.querySelector('#map').scrollIntoView({ block: 'center' })")
    seen = np.asarray(Image.open(io.BytesIO(page.picture(whole=False))).convert("L"))
    assert (float(seen.mean()) < 100) == form.dark
    box = json.loads(page.evaluate("JSON.stringify(document.querySelector('#map').getBoundingClientRect())"))
    assert box["width"] > 300
    assert box["height"] > 250


def test_on_a_phone_the_map_stands_above_the_table(page: Page, few: str) -> None:
    shown(page, few + "/", FORMS["phone"])
    top = "document.querySelector('{}').getBoundingClientRect().top"
    assert page.evaluate(top.format("#map")) < page.evaluate(top.format("#sites"))
