"""The page of a site in a browser: its history, two looks before and after, its pictures and time-lapses."""

from collections.abc import Iterator

import pytest

from railwatch.shared.settings import RedisSettings
from tests.support.chromium import Page
from tests.support.looking import Form, check_form, in_all_forms, shown, texts
from tests.support.watched import SCENES, watched


@pytest.fixture
def url(redis_settings: RedisSettings) -> Iterator[str]:
    with watched(redis_settings).serving() as address:
        yield f"{address}/sites/yard"


def asked(what: str) -> str:
    return f"performance.getEntriesByType('resource').some(({{ name }}) => name.includes('{what}'))"


@in_all_forms
def test_a_site_suits_every_screen(page: Page, url: str, form: Form) -> None:
    shown(page, url, form)
    page.evaluate("document.querySelector('.strip').scrollIntoView()")
    page.wait_for("[...document.querySelectorAll('.strip img')].at(-1).naturalWidth === 320")
    check_form(page, form, url.removesuffix("/sites/yard"))


def test_any_two_looks_are_compared_on_one_map(page: Page, url: str) -> None:
    shown(page, url)
    assert len(texts(page, "select[name=before] option")) == len(SCENES)
    page.wait_for(f"{asked('/looks/look-5/ground/')} && {asked('layer=aligned')}")
    page.evaluate("document.querySelector('select[name=before]').focus()")
    for _ in SCENES:
        page.press("ArrowDown")
    page.wait_for(asked("/looks/look-1/ground/"))
    page.wait_for("document.querySelector('.earlier').innerText === '1 March 2022'")
    bar = "document.querySelector('#before-after .divide').getBoundingClientRect().left"
    half = page.evaluate(bar)
    page.evaluate("document.querySelector('.divider input').focus()")
    for _ in range(20):
        page.press("ArrowLeft")
    assert page.evaluate(bar) < half
    assert page.complaints() == []


def test_the_bar_between_two_looks_is_dragged(page: Page, url: str) -> None:
    shown(page, url)
    page.evaluate("document.querySelector('.ground').scrollIntoView({ block: 'center' })")
    x, y = page.evaluate(
        "(({ x, y, width, height }) => [x + width / 2, y + height / 2])"
        "(document.querySelector('.divide').getBoundingClientRect())"
    )
    for kind, to in (("mousePressed", 0), ("mouseMoved", 200), ("mouseReleased", 200)):
        page.command("Input.dispatchMouseEvent", type=kind, x=x + to, y=y, button="left", buttons=1, clickCount=1)
    assert int(page.evaluate("document.querySelector('.divider input').value")) > 60


def test_every_look_has_its_picture_and_leads_to_its_page(page: Page, url: str) -> None:
    shown(page, url)
    links = page.evaluate("[...document.querySelectorAll('.strip a')].map(link => link.pathname)")
    assert links == [f"/sites/yard/looks/{scene}" for scene in SCENES]
    assert page.evaluate("document.querySelectorAll('.timeline a').length") == len(SCENES)


def test_a_time_lapse_is_shown_and_saved(page: Page, url: str) -> None:
    shown(page, url)
    page.evaluate("document.querySelector('#show-lapse').click()")
    page.wait_for("document.querySelector('#lapse-picture img').naturalWidth > 300")
    answer = page.evaluate(
        "fetch(document.querySelector('[formaction$=gif]').formAction + '?from=2022-01-01T00:00:00Z')"
        ".then(async (answer) => [answer.status, answer.headers.get('content-disposition'),"
        " (await answer.text()).slice(0, 6)])"
    )
    assert answer == [200, 'inline; filename="yard-20220301-20221218.gif"', "GIF89a"]


def test_a_site_that_was_never_seen_says_so(page: Page, redis_settings: RedisSettings) -> None:
    with watched(redis_settings, 1).serving() as url:
        shown(page, f"{url}/sites/site-00000")
        assert "never seen" in page.evaluate("document.querySelector('main').innerText")
        assert page.complaints() == []
