"""The API of the page on which sites are drawn: who may, what is refused, and that no change is lost."""

import json
import re
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from railwatch.services.ingest.settings import IngestSettings
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.base_map import map_policy
from railwatch.shared.sites import read_site
from railwatch.siting.page.requests import MAX_DOCUMENT_BYTES
from tests.support.drawing import OBSERVED_AT, TOKEN, office
from tests.support.osm import write_osm

BEARER = {"Authorization": f"Bearer {TOKEN}"}
SITE = "/v1/drawing/sites/west-yard"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(office(tmp_path).app, headers=BEARER)


def drawn(client: TestClient) -> tuple[dict[str, object], str]:
    answer = client.get(SITE)
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers["ETag"]


def moved(draft: dict[str, object], name: str = "West Yard") -> dict[str, object]:
    """The draft with its last track gone, and an area."""
    tracks = draft["tracks"]
    assert isinstance(tracks, list)
    lon, lat = tracks[0]["coordinates"][0]
    area = [[lon - 0.01, lat - 0.01], [lon + 0.01, lat - 0.01], [lon + 0.01, lat + 0.01], [lon - 0.01, lat + 0.01]]
    return {**draft, "name": name, "tracks": tracks[:-1], "area": area}


def save(client: TestClient, draft: dict[str, object], version: str) -> httpx.Response:
    answer: httpx.Response = client.put(SITE, json=draft, headers={"If-Match": version})
    return answer


def test_a_saved_site_is_what_was_drawn_and_the_rest_of_its_file_stays(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    answer = save(client, moved(draft, "Yard of the West"), version)
    assert answer.status_code == 200, answer.text
    read = read_site(tmp_path / "sites/west-yard.yaml")
    assert read.site.name == "Yard of the West"
    assert len(read.site.tracks) == len(draft["tracks"]) - 1  # type: ignore[arg-type]
    assert len(read.site.area) == 5
    assert read.site.events[0].title == "A meeting"
    text = (tmp_path / "sites/west-yard.yaml").read_text()
    assert text.startswith("# The yard in the west.\nid: west-yard\n")
    assert drawn(client)[1] == answer.headers["ETag"] != version


def test_who_saves_second_is_told_and_nothing_is_lost(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    assert save(client, moved(draft), version).status_code == 200
    before = (tmp_path / "sites/west-yard.yaml").read_text()
    answer = save(client, draft, version)
    assert (answer.status_code, answer.json()["reason"]) == (412, "site-changed")
    assert (tmp_path / "sites/west-yard.yaml").read_text() == before
    tracks = tmp_path / "sites" / file_named("tracks", tmp_path)
    tracks.write_text(tracks.read_text().replace("T01", "T99"))
    assert save(client, draft, drawn(client)[1].replace(version, "x")).status_code == 200


def test_what_else_a_file_says_of_a_line_stays(client: TestClient, tmp_path: Path) -> None:
    yaml = tmp_path / "sites/west-yard.yaml"
    lines = json.loads((tmp_path / "sites/west-yard-tracks.geojson").read_text())
    said = {"@id": "way/12", "railway": "rail", "gauge": 1520, "note": {"by": "ada", "seen": [2023, None]}}
    lines["features"][0]["properties"] |= said
    (tmp_path / "sites/west-yard-tracks.geojson").write_text(json.dumps(lines))
    name = lines["features"][0]["properties"]["track"]
    draft, version = drawn(client)
    area = {"type": "Feature", "properties": {"source": "survey"}, "geometry": {"type": "Polygon"}}
    area["geometry"]["coordinates"] = [moved(draft)["area"] + moved(draft)["area"][:1]]  # type: ignore[index]
    (tmp_path / "sites/area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    yaml.write_text(yaml.read_text() + "area: area.geojson\n")
    draft, version = drawn(client)
    track = draft["tracks"][0]  # type: ignore[index]
    track["properties"]["proposed"] = True  # what the page itself decides on is not found here
    track |= {"name": "Renamed", "main": True, "coordinates": track["coordinates"][:2]}
    assert save(client, draft, version).status_code == 200
    again, version = drawn(client)
    assert save(client, {**again, "count_main": False}, version).status_code == 200
    saved = json.loads((tmp_path / "sites" / file_named("tracks", tmp_path)).read_text())
    (properties,) = (
        each["properties"] for each in saved["features"] if each["properties"]["track"] in {name, "Renamed"}
    )
    assert properties == {**said, "track": "Renamed", "main": True}
    saved = json.loads((tmp_path / "sites" / file_named("area", tmp_path)).read_text())
    assert saved["features"][0]["properties"] == {"source": "survey"}


def file_named(kind: str, tmp_path: Path) -> str:
    lines = (tmp_path / "sites/west-yard.yaml").read_text().splitlines()
    return next(line.removeprefix(f"{kind}: ") for line in lines if line.startswith(f"{kind}: "))


def test_the_tags_of_an_extract_stay(client: TestClient, tmp_path: Path) -> None:
    write_osm(tmp_path / "sites/region.osm")
    yaml = tmp_path / "sites/west-yard.yaml"
    yaml.write_text(yaml.read_text().replace("west-yard-tracks.geojson", "region.osm"))
    draft, version = drawn(client)
    assert save(client, draft, version).status_code == 200
    saved = json.loads((tmp_path / "sites" / file_named("tracks", tmp_path)).read_text())
    assert {each["properties"]["railway"] for each in saved["features"]} == {"rail"}
    assert "OpenStreetMap contributors" in saved["attribution"]


def test_a_save_without_a_version_is_refused(client: TestClient) -> None:
    draft, _ = drawn(client)
    assert client.put(SITE, json=draft).status_code == 428
    assert client.put(SITE, json=draft, headers={"If-None-Match": "*"}).status_code == 412


def test_the_files_of_the_version_before_stay_and_older_ones_go(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    for name in ("A", "B", "C"):
        draft = {**moved(draft, name), "tracks": draft["tracks"][:-1]}  # type: ignore[index]
        version = save(client, draft, version).headers["ETag"]
    assert len(list((tmp_path / "sites").glob("west-yard-tracks-????????.geojson"))) == 2


def test_a_site_that_services_would_not_take_is_not_saved(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    track = draft["tracks"][0]  # type: ignore[index]
    short = {**track, "coordinates": [track["coordinates"][0], [track["coordinates"][0][0] + 1e-5, 10.0]]}
    short["coordinates"][1][1] = track["coordinates"][0][1]
    answer = save(client, {**draft, "tracks": [short]}, version)
    assert answer.status_code == 422
    assert "shorter than a car" in answer.json()["detail"]
    assert str(tmp_path) not in answer.json()["detail"]
    assert drawn(client)[1] == version


def test_a_site_that_does_not_exist_is_not_found(client: TestClient) -> None:
    answer = client.get("/v1/drawing/sites/nowhere")
    assert (answer.status_code, answer.json()["reason"]) == (404, "site-unknown")


def test_a_new_site_is_made(client: TestClient, tmp_path: Path) -> None:
    draft, _ = drawn(client)
    answer = client.put("/v1/drawing/sites/other", json={**draft, "name": "Other"}, headers={"If-None-Match": "*"})
    assert answer.status_code == 200, answer.text
    assert read_site(tmp_path / "sites/other.yaml").site.name == "Other"


def test_proposed_tracks_are_confirmed_on_the_page(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    tracks = [{**track, "proposed": True} for track in draft["tracks"]]  # type: ignore[attr-defined]
    version = save(client, {**draft, "tracks": tracks}, version).headers["ETag"]
    assert all(track["proposed"] for track in drawn(client)[0]["tracks"])  # type: ignore[attr-defined]
    tracks[0]["proposed"] = False
    assert save(client, {**draft, "tracks": tracks}, version).status_code == 200
    assert len(read_site(tmp_path / "sites/west-yard.yaml").site.tracks) == 1


def test_a_folder_that_cannot_be_written_says_so(client: TestClient, tmp_path: Path) -> None:
    draft, version = drawn(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda *_: False)  # the tests may run as root, for whom nothing is read-only
        assert "read-only" in client.get("/v1/drawing/sites").json()["read_only"]
        answer = save(client, draft, version)
    assert (answer.status_code, answer.json()["reason"]) == (409, "sites-read-only")


def test_a_token_draws_only_its_sites_and_only_with_the_scope(tmp_path: Path) -> None:
    secret, entry = new_entry("ada", [Scope.DRAW], ["yard"])
    (tmp_path / "tokens.yaml").write_text(entry)
    app = office(tmp_path, Tokens(tmp_path / "tokens.yaml", [SecretStr(TOKEN)], [Scope.PUSH])).app
    client = TestClient(app)
    of_ada = {"Authorization": f"Bearer {secret}"}
    assert client.get("/v1/drawing/sites").status_code == 401
    assert client.get(SITE, headers=BEARER).json()["reason"] == "scope-missing"
    assert [site["id"] for site in client.get("/v1/drawing/sites", headers=of_ada).json()["items"]] == ["yard"]
    for path in (SITE, f"{SITE}/pictures"):
        assert client.get(path, headers=of_ada).json()["reason"] == "site-not-allowed"
    put = client.put(SITE, json={}, headers={**of_ada, "If-None-Match": "*"})
    assert put.json()["reason"] == "site-not-allowed"


def test_the_last_pictures_come_with_their_corners(client: TestClient) -> None:
    (look,) = client.get(f"{SITE}/pictures").json()["items"]
    assert look["observed_at"] == OBSERVED_AT
    answer = client.get(f"{SITE}/pictures/{look['cells']['r0c0']}")
    assert answer.content[8:12] == b"WEBP"
    corners = json.loads(answer.headers["Railwatch-Corners"])
    lon, lat = drawn(client)[0]["tracks"][0]["coordinates"][0]  # type: ignore[index]
    assert all(abs(east - lon) < 0.01 and abs(north - lat) < 0.01 for east, north in corners)
    assert client.get(f"{SITE}/pictures/{'0' * 64}").status_code == 404


def test_an_extract_becomes_tracks(client: TestClient, tmp_path: Path) -> None:
    data = write_osm(tmp_path / "region.osm.pbf").read_bytes()
    answer = client.post("/v1/drawing/lines?name=region.osm.pbf", content=data)
    assert [track["name"] for track in answer.json()["tracks"]] == ["main-1", "7", "track-1"]
    assert "OpenStreetMap contributors" in answer.json()["credit"]
    assert client.post("/v1/drawing/lines?name=region.shp", content=data).status_code == 415
    assert client.post("/v1/drawing/lines?name=a.geojson", content=b"{").json()["reason"] == "site-invalid"
    away = client.post("/v1/drawing/lines?name=region.osm.pbf&bbox=1,1,2,2", content=data)
    assert away.json()["reason"] == "no-tracks"


def test_a_file_that_is_no_picture_is_refused_and_is_no_dead_letter(tmp_path: Path) -> None:
    place = office(tmp_path)
    answer = TestClient(place.app, headers=BEARER).post("/v1/drawing/picture", content=b"no tiff")
    assert (answer.status_code, answer.json()["reason"]) == (422, "format-unsupported")
    assert place.desk.dead_letters == []


def test_a_body_is_only_so_long(client: TestClient) -> None:
    put = client.put(SITE, content=b" " * (MAX_DOCUMENT_BYTES + 1), headers={"If-Match": drawn(client)[1]})
    assert put.status_code == 413


def test_cars_are_counted_on_the_tracks_as_they_are_drawn(client: TestClient, tmp_path: Path) -> None:
    draft, _ = drawn(client)
    url = f"{SITE}/first-count"
    whole = client.post(f"{url}?at={OBSERVED_AT}", json=draft).json()
    assert whole["count"] > 10
    assert whole["low"] <= whole["count"] <= whole["high"]
    assert len(whole["cars"]) > 10
    few = {**draft, "tracks": draft["tracks"][:2]}  # type: ignore[index]
    files = {"file": (tmp_path / "look.tif").read_bytes(), "metadata": (None, json.dumps(few))}
    part = client.post(url, files=files)
    assert part.status_code == 200, part.text
    assert part.json()["count"] < whole["count"]
    nothing = client.post(f"{url}?at=2020-01-01T00:00:00Z", json=draft)
    assert nothing.json()["reason"] == "picture-unknown"


def test_the_page_loads_nothing_from_elsewhere_but_a_base_map(tmp_path: Path) -> None:
    settings = IngestSettings(base_map="https://tiles.example/{z}/{x}/{y}.png", base_map_credit="Example")
    client = TestClient(office(tmp_path, settings=settings).app)
    answer = client.get("/draw")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].count("https://tiles.example") == 2
    assert "http" not in map_policy(None, "'none'")
    assert "unsafe" not in map_policy(None, "'none'")
    assert client.get("/draw/map.json").json()["credit"] == "Example"
    bundled = re.findall(r'(?:href|src)="(/draw/assets/[^"]+)"', answer.text)
    assert len(bundled) == 5
    assert all(client.get(address).status_code == 200 for address in bundled)
