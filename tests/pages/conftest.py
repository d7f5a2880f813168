"""A browser for the tests of pages."""

from collections.abc import Iterator

import pytest

from tests.support.chromium import Page, browser_page


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser_page() as opened:
        yield opened
