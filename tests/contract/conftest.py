"""What the tests of ingest share: a desk over the test site, and what scenes reach it by. Others have their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from railwatch.services.ingest.settings import SceneSettings
from tests.support.ingest import Desk, desk_over, stac_source
from tests.support.pushing import sender
from tests.support.stac_api import StacApi, running


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Ingest for the test site, with the limits of the settings."""
    return desk_over(tmp_path)


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    """Speaks to the HTTP API of the test's `desk`, with a token that it knows."""
    with sender(desk) as client:
        yield client


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An empty directory to watch."""
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def api() -> Iterator[StacApi]:
    """A STAC API without items."""
    with running(StacApi()) as api:
        yield api


@pytest.fixture
def polled(desk: Desk, api: StacApi) -> Callable[[], bool]:
    """Polls the STAC API once, and says whether all of it was taken."""
    desk.limits = SceneSettings(asset_roots=(api.url,))
    source = stac_source(api.url, "secret", collections=["optical"])
    return lambda: desk.poll_api(source)
