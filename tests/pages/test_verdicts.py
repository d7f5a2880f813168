"""The tools of verdicts in a browser: by mouse, by finger and by keyboard, with undo."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Car, TrackCount
from railwatch.shared.events import VerdictEvent
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, small_site
from tests.support.chromium import Page, browser_page
from tests.support.verdicts import CARS


@dataclass
class Desk:
    """An analyst's desk: alerting, whose last look has six cars and an alert."""

    url: str
    token: str
    store: Store
    alert: str

    @property
    def look(self) -> str:
        return f"{self.url}/sites/tumangang/looks/scene-66"

    def said(self) -> list[VerdictEvent]:
        return list(self.store.verdicts("tumangang"))

    def kinds(self) -> list[str]:
        return [one.kind.value for one in self.said()]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as opened:
        yield opened


@pytest.fixture
def desk(redis_settings: RedisSettings, tmp_path: Path) -> Iterator[Desk]:
    store, blobs = Store(connect(redis_settings)), BlobStore.open(BlobSettings(url="memory://"))
    sites, minute = {"tumangang": small_site()}, timedelta(minutes=1)
    archive = Archive(blobs.objects)
    handler = CountHandler(store, sites, Rule(), minute, minute, "http://127.0.0.1", lambda: RECORDED, archive)
    for look in range(20):
        handler.handle(count_event(3 * look, 2 + look % 2))
    cars = tuple(
        Car(lon=place.lon, lat=place.lat, length_m=14, probability=0.9, along_m=20.0 * n)
        for n, place in enumerate(CARS[:30])
    )
    track = TrackCount(track="1", count=30, low=28, high=33, length_m=2000, occupied_m=420, cars=cars)
    (opened,) = handler.handle(count_event(66, 30, tracks=[track]))
    token, entry = new_entry("ada", [Scope.VERDICT], [])
    (tmp_path / "tokens.yaml").write_text(entry)
    app = make_app(store, sites, blobs, Tokens(tmp_path / "tokens.yaml"), Progress(), {})
    with serve(app, HttpSettings(port=0)) as url:
        yield Desk(url, token, store, opened.alert)


def open_look(page: Page, desk: Desk, width: int = 1100, *, dark: bool = False) -> None:
    page.events.clear()
    page.show(desk.look, width=width, dark=dark)
    page.wait_for("document.documentElement.dataset.verdicts && document.documentElement.dataset.ready")
    page.evaluate(f"document.querySelector('.verdicts form').elements.token.value = {json.dumps(desk.token)}")


def press(page: Page, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        page.command("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")


def both(page: Page) -> str:
    return str(page.evaluate("document.querySelector('.verdicts .both').innerText"))


def wait_said(page: Page, words: str) -> None:
    page.wait_for(f"document.querySelector('.verdicts .both').innerText.includes({json.dumps(words)})")


def centre(page: Page, selector: str) -> tuple[float, float]:
    where = f"document.querySelector({json.dumps(selector)})"
    page.evaluate(f"{where}.scrollIntoView({{block: 'center'}})")
    box: dict[str, Any] = page.evaluate(f"{where}.getBoundingClientRect().toJSON()")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def click(page: Page, selector: str) -> None:
    x, y = centre(page, selector)
    for kind in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def tap(page: Page, selector: str) -> None:
    x, y = centre(page, selector)
    page.command("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    page.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


def button(kind: str) -> str:
    return f".verdicts button[value={kind}]"


def test_a_look_is_judged_by_keyboard_alone(page: Page, desk: Desk) -> None:
    open_look(page, desk)
    press(page, "n")
    press(page, "x")
    wait_said(page, "1 false")
    press(page, "m")
    page.wait_for("document.querySelector('.aiming') !== null")
    press(page, "m")
    wait_said(page, "1 missed")
    press(page, "r")
    wait_said(page, "People: 30, each difference marked.")
    press(page, "u")
    wait_said(page, "no total yet")
    press(page, "u")
    wait_said(page, "1 false, 0 missed")
    assert desk.kinds() == ["not-a-car", "missed-car", "right", "taken-back", "taken-back"]
    assert desk.said()[0].by == "ada"
    assert desk.said()[0].places[0].lon == pytest.approx(CARS[0].lon)
    assert [one for one in page.complaints() if "404" not in one] == [], "only the picture is missing"


def test_two_cars_are_chosen_one_after_the_other(page: Page, desk: Desk) -> None:
    open_look(page, desk)
    for key in ("n", "j", "n", "j"):
        press(page, key)
    wait_said(page, "1 false")
    (said,) = desk.said()
    assert [place.lon for place in said.places] == [CARS[0].lon, CARS[1].lon]


def test_a_look_is_judged_with_the_mouse(page: Page, desk: Desk) -> None:
    open_look(page, desk)
    click(page, button("two-cars"))
    page.wait_for("document.querySelector('.verdicts output').innerText.startsWith('Choose a car')")
    click(page, "#cars button")
    page.evaluate("document.querySelector('.verdicts select').value = 'wagon-body'")
    click(page, button("not-a-car"))
    wait_said(page, "1 false")
    page.evaluate("document.querySelector('.verdicts input[name=total]').value = 29")
    click(page, button("total"))
    wait_said(page, "People: 29, each difference marked.")
    click(page, ".verdicts .said button")
    wait_said(page, "no total yet")
    assert [(one.kind.value, one.reason) for one in desk.said()][:2] == [("not-a-car", "wagon-body"), ("total", None)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_look_is_judged_with_a_finger_on_a_phone(page: Page, desk: Desk, dark: bool) -> None:
    page.command("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        open_look(page, desk, width=390, dark=dark)
        tap(page, "#cars button")
        page.wait_for("document.querySelector('#cars [aria-current]') !== null")
        tap(page, button("not-a-car"))
        wait_said(page, "1 false")
        tap(page, button("undo"))
        page.wait_for("!document.querySelector('.verdicts .both').innerText.includes('false')")
        sizes = page.evaluate(
            "[...document.querySelectorAll('.verdicts form button')].map(b => b.getBoundingClientRect().height)"
        )
        assert min(sizes) >= 44, "a finger needs room"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    finally:
        page.command("Emulation.setTouchEmulationEnabled", enabled=False)


def test_without_a_token_the_page_says_why_nothing_happens(page: Page, desk: Desk) -> None:
    open_look(page, desk)
    page.evaluate("document.querySelector('.verdicts form').elements.token.value = ''")
    press(page, "r")
    page.wait_for("document.querySelector('.verdicts output').innerText.includes('bearer token')")
    assert desk.said() == []


def test_an_alert_is_judged_and_a_second_look_asked_for_in_one_click(page: Page, desk: Desk) -> None:
    page.show(f"{desk.url}/alerts/{desk.alert}")
    page.wait_for("document.documentElement.dataset.verdicts")
    page.evaluate(f"document.querySelector('.verdicts form').elements.token.value = {json.dumps(desk.token)}")
    click(page, button("false"))
    wait_said(page, "People call this alert false.")
    click(page, button("second-look"))
    page.wait_for("document.querySelectorAll('.verdicts .said li').length === 2")
    assert desk.kinds() == ["false", "second-look"]
    page.show(f"{desk.url}/")
    page.wait_for("document.querySelector('.alert-record').innerText.includes('Of 1 alerts')")


def test_the_page_of_a_site_says_what_verdicts_teach(page: Page, desk: Desk) -> None:
    open_look(page, desk)
    press(page, "n")
    press(page, "x")
    wait_said(page, "1 false")
    press(page, "r")
    wait_said(page, "each difference marked")
    page.show(f"{desk.url}/sites/tumangang")
    text = page.evaluate("document.querySelector('.taught').innerText")
    assert "Learned from 1 look with a true count." in text
    assert page.evaluate("document.querySelectorAll('.taught tbody tr').length") == 2
