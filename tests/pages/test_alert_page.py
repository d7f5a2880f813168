"""The pages in a browser: light and dark, on a desk and on a phone, by keyboard."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image, ImageDraw
from pydantic import SecretStr

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, empty_archive, small_site
from tests.support.chromium import Page

TOKEN = "a-token-of-the-duty-desk"


@pytest.fixture
def site_url(redis_settings: RedisSettings) -> Iterator[str]:
    """A running API with one site, whose alert stands."""
    store, blobs = Store(connect(redis_settings)), BlobStore.open(BlobSettings(url="memory://"))
    sites = {"tumangang": small_site()}
    handler = CountHandler(
        store,
        sites,
        Rule(),
        timedelta(minutes=15),
        timedelta(minutes=10),
        "http://127.0.0.1",
        lambda: RECORDED,
        empty_archive(),
    )
    pictures = {
        name: blobs.put(picture(colour), "image/png")
        for name, colour in {"baseline": "#476a4b", "tile": "#7d7468", "difference": "#444", "cars": "#998"}.items()
    }
    for look in range(20):
        handler.handle(count_event(3 * look, 6 + (look * 7) % 5))
    handler.handle(count_event(63, None))
    for day, count in ((66, 30), (69, 70)):
        handler.handle(count_event(day, count).model_copy(update={"evidence": pictures}))
    tokens = Tokens(None, [SecretStr(TOKEN)], Scope)
    with serve(make_app(store, sites, blobs, tokens, Progress(), {}), HttpSettings(port=0)) as url:
        yield url


def picture(colour: str) -> bytes:
    image = Image.new("RGB", (600, 300), colour)
    ImageDraw.Draw(image).line((0, 150, 600, 150), fill="black", width=4)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def follow_to_alert(page: Page, url: str) -> str:
    page.show(f"{url}/")
    return str(page.evaluate("document.querySelector('.alerts a').href"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390], ids=["desk", "phone"])
def test_an_alert_reads_well_everywhere(page: Page, site_url: str, width: int, dark: bool) -> None:
    page.events.clear()
    page.show(follow_to_alert(page, site_url), width=width, dark=dark)
    assert "70 railcars (68 to 72)" in page.evaluate("document.querySelector('.sentence').innerText")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelector('.sentence').getBoundingClientRect().bottom") < 500
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    ink, ground = (sum(int(part) for part in colour[4:-1].split(",")) for colour in colours)
    assert (ink > ground) == dark
    assert abs(ink - ground) > 400
    page.wait_for("[...document.images].every(image => { image.loading = 'eager'; return image.complete; })")
    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 600)")
    assert page.complaints() == []
    assert all(address.startswith((site_url, "data:")) for address in page.requested())
    assert page.picture().startswith(b"\x89PNG")


def test_before_and_after_can_be_compared_by_keyboard(page: Page, site_url: str) -> None:
    page.show(follow_to_alert(page, site_url))
    shown = "getComputedStyle(document.querySelector('.slider .before')).clipPath"
    half = page.evaluate(shown)
    for _ in range(30):
        page.press("Tab")
        if page.evaluate("document.activeElement.type === 'range'"):
            break
    for _ in range(10):
        page.press("ArrowRight")
    assert page.evaluate("document.activeElement.value") == "60"
    assert page.evaluate(shown) != half


def test_the_timeline_shows_every_look_and_the_newest_first_on_a_phone(page: Page, site_url: str) -> None:
    page.show(follow_to_alert(page, site_url), width=390)
    assert page.evaluate("document.querySelectorAll('.timeline circle').length") == 22
    assert page.evaluate("document.querySelectorAll('.timeline .above').length") == 2
    assert page.evaluate("document.querySelectorAll('.timeline .unseen').length") == 1
    right = page.evaluate("document.querySelector('.timeline .above:last-of-type').getBoundingClientRect().right")
    assert right < 390


def test_an_alert_is_acknowledged_with_a_token_only(page: Page, site_url: str) -> None:
    page.show(follow_to_alert(page, site_url))
    page.evaluate("document.querySelector('.summary details').open = true")
    for token, outcome in (
        ("wrong", "document.querySelector('output').innerText.includes('bearer token')"),
        (TOKEN, "document.querySelector('.acknowledged')?.innerText === 'Acknowledged by Ada: on it'"),
    ):
        page.evaluate(
            f"""(() => {{
                const form = document.querySelector('form.acknowledge');
                form.elements.by.value = 'Ada';
                form.elements.note.value = 'on it';
                form.elements.token.value = '{token}';
                form.querySelector('button').click();
            }})()"""
        )
        page.wait_for(outcome)
