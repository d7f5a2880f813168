"""What is the same of every page: it fits its screen, its colours suit the scheme, and nobody outside hears of it."""

from dataclasses import dataclass

import pytest

from tests.support.chromium import Page

READY = "document.documentElement.dataset.ready === 'yes'"


@dataclass(frozen=True)
class Form:
    """A size of screen and a scheme of colours."""

    width: int
    height: int
    dark: bool


FORMS = {
    "desk": Form(1280, 900, False),
    "desk-dark": Form(1280, 900, True),
    "phone": Form(390, 844, False),
    "phone-dark": Form(390, 844, True),
}
in_all_forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


def shown(page: Page, url: str, form: Form = FORMS["desk"]) -> None:
    """Go to a page, and wait until its script has done its work."""
    page.show("about:blank", width=form.width, height=form.height, dark=form.dark)
    page.events.clear()
    page.show(url, width=form.width, height=form.height, dark=form.dark)
    page.wait_for(READY)


def check_form(page: Page, form: Form, origin: str) -> None:
    """Check what every page must do in every form."""
    assert page.evaluate("document.documentElement.scrollWidth") == form.width
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    ink, ground = (sum(int(part) for part in colour[4:-1].split(",")) for colour in colours)
    assert (ink > ground) == form.dark
    assert abs(ink - ground) > 400
    assert page.complaints() == []
    assert all(address.startswith((origin, f"blob:{origin}", "data:")) for address in page.requested())


def texts(page: Page, selector: str) -> list[str]:
    """The texts of all elements that match."""
    found: list[str] = page.evaluate(f"[...document.querySelectorAll({selector!r})].map(one => one.innerText)")
    return found
