"""Sites in a bucket are drawn and saved on the page, and whoever saves second overwrites nothing."""

from pathlib import Path
from typing import Any

import obstore
import pytest
from fastapi.testclient import TestClient
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import MemoryStore

from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.files import BucketFiles
from railwatch.shared.sites.folder import SiteFolder
from tests.contract.test_drawing_api import BEARER, SITE, drawn, moved, save
from tests.support.drawing import OBSERVED_AT, Office, office


@pytest.fixture
def place(tmp_path: Path) -> Office:
    return office(tmp_path, in_bucket=True)


@pytest.fixture
def client(place: Office) -> TestClient:
    return TestClient(place.app, headers=BEARER)


@pytest.fixture
def bucket(place: Office) -> MemoryStore:
    assert place.bucket is not None
    return place.bucket


def yaml_in(bucket: MemoryStore) -> str:
    return bytes(obstore.get(bucket, "west-yard.yaml").bytes()).decode()


def names_in(bucket: MemoryStore) -> set[str]:
    return {found["path"] for found in obstore.list(bucket).collect()}


def test_a_saved_site_is_in_the_bucket_and_services_take_it(client: TestClient, bucket: MemoryStore) -> None:
    draft, version = drawn(client)
    listed = client.get("/v1/drawing/sites").json()
    assert listed["read_only"] is None
    assert {"id": "west-yard", "name": "West Yard"} in listed["items"]
    answer = save(client, moved(draft, "Yard of the West"), version)
    assert answer.status_code == 200, answer.text
    site = LiveSites(SiteFolder(BucketFiles(bucket, "s3://sites")))["west-yard"]
    assert (site.name, len(site.tracks)) == ("Yard of the West", len(draft["tracks"]) - 1)  # type: ignore[arg-type]
    assert yaml_in(bucket).startswith("# The yard in the west.\nid: west-yard\n")
    assert drawn(client)[1] == answer.headers["ETag"] != version


def test_the_pictures_of_a_site_in_a_bucket_are_shown(client: TestClient) -> None:
    assert client.get(f"{SITE}/pictures").json()["items"][0]["observed_at"] == OBSERVED_AT


def test_a_new_site_is_made_once(client: TestClient, bucket: MemoryStore) -> None:
    draft, _ = drawn(client)
    for status in (200, 412):
        answer = client.put("/v1/drawing/sites/other", json=draft, headers={"If-None-Match": "*"})
        assert answer.status_code == status, answer.text
    assert "other.yaml" in names_in(bucket)


def test_who_saves_second_is_told_and_nothing_is_lost(client: TestClient, bucket: MemoryStore) -> None:
    draft, version = drawn(client)
    assert save(client, moved(draft), version).status_code == 200
    before = yaml_in(bucket)
    answer = save(client, draft, version)
    assert (answer.status_code, answer.json()["reason"]) == (412, "site-changed")
    assert yaml_in(bucket) == before


@pytest.mark.parametrize("name", ["west-yard", "other"])
def test_of_two_who_save_at_the_same_moment_one_is_told(
    name: str, client: TestClient, bucket: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, version = drawn(client)
    put = obstore.put

    def after_another(store: MemoryStore, path: str, data: bytes, **more: Any) -> Any:
        if path == f"{name}.yaml":  # the other one's comes between this one's reading and writing
            put(store, path, b"id: the-other-one\n")
        return put(store, path, data, **more)

    monkeypatch.setattr(obstore, "put", after_another)
    condition = {"If-Match": version} if name == "west-yard" else {"If-None-Match": "*"}
    answer = client.put(f"/v1/drawing/sites/{name}", json=draft, headers=condition)
    assert (answer.status_code, answer.json()["reason"]) == (412, "site-changed")
    assert bytes(obstore.get(bucket, f"{name}.yaml").bytes()) == b"id: the-other-one\n"


@pytest.mark.parametrize(
    ("error", "status"), [(PermissionDeniedError("no"), 409), (GenericError("away"), 503)], ids=["read-only", "away"]
)
def test_a_bucket_that_does_not_take_the_site_is_named_and_nothing_changes(
    error: Exception, status: int, client: TestClient, bucket: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, version = drawn(client)
    before = yaml_in(bucket)

    def refusing(*given: Any, **more: Any) -> Any:
        raise error

    monkeypatch.setattr(obstore, "put", refusing)
    answer = save(client, moved(draft), version)
    assert answer.status_code == status
    assert "bucket" in answer.json()["detail"]
    assert yaml_in(bucket) == before


def test_a_faulty_site_is_not_saved(client: TestClient, bucket: MemoryStore) -> None:
    draft, version = drawn(client)
    before = names_in(bucket)
    answer = save(client, {**draft, "area": [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0]]}, version)
    assert (answer.status_code, answer.json()["reason"]) == (422, "site-invalid")
    assert names_in(bucket) == before


def test_the_files_of_the_version_before_stay_and_older_ones_go(client: TestClient, bucket: MemoryStore) -> None:
    draft, version = drawn(client)
    for name in ("A", "B", "C", "D"):
        draft = {**moved(draft, name), "tracks": draft["tracks"][:-1]}  # type: ignore[index]
        version = save(client, draft, version).headers["ETag"]
    assert len([name for name in names_in(bucket) if name.startswith("west-yard-tracks-")]) == 2


@pytest.mark.parametrize(("file", "text"), [("west-yard.yaml", b"id: [west"), ("west-yard-tracks.geojson", None)])
def test_a_fault_in_the_bucket_is_told_by_the_name_of_the_object(
    file: str, text: bytes | None, client: TestClient, bucket: MemoryStore
) -> None:
    assert file in names_in(bucket)
    if text is None:
        obstore.delete(bucket, file)
    else:
        obstore.put(bucket, file, text)
    answer = client.get(SITE)
    assert (answer.status_code, answer.json()["reason"]) == (422, "site-invalid")
    assert answer.json()["detail"].startswith(file)
