"""Each server gets its own secrets, and no other server's; none is ever in a log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from railwatch.services.ingest.scenes import signing
from railwatch.services.ingest.settings import SceneSettings
from tests.support.file_server import FileServer, file_server
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, secret, stac_source
from tests.support.stac_api import StacApi

SECRET, KEY = "the-secret-of-the-api", "the-key-of-the-files"


@pytest.fixture
def files() -> Iterator[FileServer]:
    with file_server() as server:
        server.files["/scenes/a.tif"] = NoiseScene().geotiff()
        yield server


@pytest.fixture
def others() -> Iterator[FileServer]:
    with file_server() as server:
        server.files["/scenes/a.tif"] = NoiseScene().geotiff()
        yield server


def poll(desk: Desk, api: StacApi, href: str, roots: list[str], credentials: dict[str, Any]) -> list[Any]:
    """One poll in which the API has one item; what was logged."""
    item = api.item("I1")
    api.items = [{**item, "assets": {"visual": {**item["assets"]["visual"], "href": href}}}]
    desk.limits = SceneSettings()
    given = {api.url: {"bearer": secret(SECRET)}, **credentials}
    with capture_logs() as lines:
        desk.poll_api(stac_source(api.url, asset_roots=roots, credentials=given))
    for line in lines:
        assert not any(word in str(line) for word in (SECRET, KEY, "sig="))
    for letter in desk.dead_letters:
        assert not any(word in letter.model_dump_json() for word in (SECRET, KEY, "sig="))
    return lines


FORMS = {
    "bearer": ({"bearer": secret(KEY)}, {"authorization": f"Bearer {KEY}"}),
    "basic": ({"basic": {"user": "u", "password": secret("p")}}, {"authorization": "Basic dTpw"}),
    "header": ({"header": {"name": "X-Api-Key", "value": secret(KEY)}}, {"x-api-key": KEY}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_server_of_files_gets_what_it_wants(desk: Desk, api: StacApi, files: FileServer, form: str) -> None:
    credential, files.wants = FORMS[form]
    poll(desk, api, f"{files.url}/scenes/a.tif", [files.url], {files.url: credential})
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    assert not any(SECRET in str(asked.headers) for asked in files.asked)
    assert all(KEY not in str(search) for search in api.searches)


@pytest.mark.parametrize("form", FORMS)
def test_no_redirect_carries_a_secret_elsewhere(
    desk: Desk, api: StacApi, files: FileServer, others: FileServer, form: str
) -> None:
    credential, files.wants = FORMS[form]
    files.redirects["/moved.tif"] = f"{others.url}/scenes/a.tif"
    poll(desk, api, f"{files.url}/moved.tif", [files.url, others.url], {files.url: credential})
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    assert len(others.asked) >= 1
    for asked in others.asked:
        assert not {"authorization", "x-api-key", "cookie"} & set(asked.headers)


def test_a_source_has_its_own_roots_and_pushed_items_do_not(desk: Desk, api: StacApi, files: FileServer) -> None:
    poll(desk, api, f"{files.url}/scenes/a.tif", [], {})
    assert [letter.reason for letter in desk.dead_letters] == ["asset-refused"]
    assert files.asked == []


def test_a_requester_pays_bucket_is_told_that_we_pay(desk: Desk, api: StacApi, files: FileServer) -> None:
    files.files["/deliveries/a.tif"] = files.files["/scenes/a.tif"]
    files.wants = {"x-amz-request-payer": "requester"}
    bucket = {"endpoint": files.url, "region": "us-west-2"}
    keys = {"access_key_id": secret("someone"), "secret_access_key": secret(KEY)}
    form = {"s3": {"requester_pays": True, **bucket, **keys}}
    poll(desk, api, "s3://deliveries/a.tif", ["s3://deliveries"], {"s3://deliveries": form})
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    assert all("Credential=someone/" in asked.headers["authorization"] for asked in files.asked)


def signed(files: FileServer, others: FileServer, expiry: datetime | None, query: str = "sig=abc%3D") -> dict[str, Any]:
    """Files that want a token, which `others` gives."""
    ends = f', "msft:expiry": "{expiry:%Y-%m-%dT%H:%M:%SZ}"' if expiry else ""
    others.files["/token/127/scenes"] = f'{{"token": "{query}"{ends}}}'.encode()
    files.query_wanted = query
    return {files.url: {"signed_by": f"{others.url}/token/{{account}}/{{container}}"}}


@pytest.mark.parametrize("minutes", [None, 45, -45])
def test_signed_addresses_have_a_token_that_is_asked_for_once(
    desk: Desk, api: StacApi, files: FileServer, others: FileServer, minutes: int | None
) -> None:
    expiry = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    files.files["/scenes/a.tif"] = NoiseScene(width=3000, height=3000).geotiff(tiled=True)
    poll(desk, api, f"{files.url}/scenes/a.tif", [files.url], signed(files, others, expiry))
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    assert len(files.asked) > 1
    asked = [asked.path for asked in others.asked]
    assert asked == ["/token/127/scenes"] * (len(files.asked) if minutes == -45 else 1)


def test_a_token_that_is_not_accepted_is_asked_for_anew(
    desk: Desk, api: StacApi, files: FileServer, others: FileServer
) -> None:
    given = signed(files, others, datetime.now(UTC) + timedelta(minutes=45))
    files.answers = [(403, {})]
    poll(desk, api, f"{files.url}/scenes/a.tif", [files.url], given)
    assert [tile.scene for tile in desk.tiles] == ["I1"]
    assert len(others.asked) == 2


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b'{"token": 5}', b'{"token": "a b"}', b'{"token": "x", "msft:expiry": 1}']
)
def test_a_server_of_tokens_that_fails_puts_the_scene_off(
    desk: Desk, api: StacApi, files: FileServer, others: FileServer, answer: bytes
) -> None:
    given = signed(files, others, None)
    others.files["/token/127/scenes"] = answer
    lines = poll(desk, api, f"{files.url}/scenes/a.tif", [files.url], given)
    assert [line["event"] for line in lines] == ["scene deferred"]
    assert desk.published == []
    assert files.asked == []


def test_a_server_of_tokens_leads_nowhere_else(desk: Desk, api: StacApi, files: FileServer, others: FileServer) -> None:
    given = signed(files, others, None)
    others.redirects["/token/127/scenes"] = f"{files.url}/scenes/a.tif"
    poll(desk, api, f"{files.url}/scenes/a.tif", [files.url], given)
    assert desk.published == []
    assert files.asked == []
    assert signing.MARGIN < signing.KEPT_FOR
