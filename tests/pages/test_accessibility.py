"""All pages, checked by axe-core: nothing serious in any form."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from railwatch.shared.access import Scope, Tokens
from railwatch.shared.settings import RedisSettings
from tests.support import drawing
from tests.support.chromium import Page
from tests.support.looking import Form, in_all_forms, shown
from tests.support.watched import SCENES, watched

AXE = (Path(__file__).parent / "axe-core" / "axe.min.js").read_text()
SERIOUS = ("serious", "critical")
PAGES = {
    "overview": "/",
    "site": "/sites/yard",
    "site with an alert": "/sites/tumangang",
    "look": f"/sites/yard/looks/{SCENES[4]}",
    "look with an alert": "/sites/tumangang/looks/scene-69",
}


@pytest.fixture
def url(redis_settings: RedisSettings) -> Iterator[str]:
    with watched(redis_settings, 30).serving() as address:
        yield address


def serious_faults(page: Page) -> list[str]:
    """What axe-core finds, with all that is folded open."""
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.evaluate(f"{AXE}; null")
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)")
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@in_all_forms
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_a_page_has_no_serious_fault(page: Page, url: str, path: str, form: Form) -> None:
    shown(page, url + path, form)
    assert serious_faults(page) == []


@in_all_forms
@pytest.mark.parametrize("path", ["/sites/nowhere", "/nothing"])
def test_the_page_of_what_was_not_found_has_no_serious_fault(page: Page, url: str, path: str, form: Form) -> None:
    page.show(url + path, width=form.width, height=form.height, dark=form.dark)
    assert page.evaluate("document.documentElement.scrollWidth") == form.width
    assert serious_faults(page) == []


@in_all_forms
def test_the_page_of_an_alert_has_no_serious_fault(page: Page, url: str, form: Form) -> None:
    page.show(url + "/")
    address = page.evaluate("document.querySelector('.alerts a').href")
    page.show(address, width=form.width, height=form.height, dark=form.dark)
    assert serious_faults(page) == []


@in_all_forms
def test_the_page_for_drawing_has_no_serious_fault(page: Page, tmp_path: Path, form: Form) -> None:
    place = drawing.office(tmp_path, Tokens(None, [SecretStr(drawing.TOKEN)], [Scope.DRAW]))
    with place.serving() as address:
        shown(page, f"{address}/draw?site=west-yard", form)
        page.evaluate("document.getElementById('work').hidden = false")
        assert serious_faults(page) == []
