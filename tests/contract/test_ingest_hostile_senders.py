"""What senders with a token push: whatever they say, ingest refuses it, keeps it as a dead letter, and goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from railwatch.services.ingest.http.problems import PROBLEMS
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.bus import encode
from railwatch.shared.bus.client import MAX_EVENT_BYTES
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, desk_over
from tests.support.stac_item import stac_item

DEPTHS = [60, 900, 985, 1_000, 5_000, 200_000]
GOOD = {"observed_at": "2023-10-05T02:11:00Z"}
ODD: list[Any] = [None, [[]], 5, -1e300, "lone \ud800", "\u202e\x1b[31m\0", "x" * 900_000]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_over(tmp_path, limits=SceneSettings(asset_roots=("file:///nowhere",)))


def item(**members: Any) -> dict[str, Any]:
    return {**stac_item("file:///nowhere/a.tif"), **members}


def bodies() -> Iterator[bytes]:
    """STAC Items of hostile senders."""
    for field in ("id", "properties", "assets", "links", "collection", "type"):
        for value in ODD:
            yield json.dumps(item(**{field: value})).encode()
    yield json.dumps(item(assets={"a" * 1_000_000: {"href": "file:///nowhere/a.tif"}})).encode()
    yield json.dumps(item(assets={str(n): {"href": 5} for n in range(50_000)})).encode()
    yield json.dumps(item(assets={"visual": {"href": f"file:///nowhere/{'a' * 900_000}.tif"}})).encode()
    for field in ("id", "properties", "geometry"):
        for depth in DEPTHS:
            for opening, closing in (("[", "]"), ('{"a":', "}")):
                if depth * (len(opening) + 1) < 1_000_000:
                    text = json.dumps(item(**{field: "HERE"}))
                    yield text.replace('"HERE"', opening * depth + "1" + closing * depth).encode()
    yield b"[" * 200_000


def test_whatever_an_item_says_it_is_refused_in_few_and_clean_words(desk: Desk, client: TestClient) -> None:
    sent = list(bodies())
    for body in sent:
        answer = client.post("/v1/scenes", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (body[:300], answer.text[:300])
        assert answer.json()["reason"] in PROBLEMS
        assert len(answer.content) < 10_000
    assert len(desk.dead_letters) == len(sent)
    for letter in desk.dead_letters:
        assert letter.subject.isprintable()
        assert letter.detail.isprintable()
        assert len(encode(letter).value) < MAX_EVENT_BYTES / 10


@pytest.mark.parametrize("name", ["\ud800.tif", "\x1b[31m\u202e.tif", "a" * 5_000, "../../etc/passwd", "\0"])
def test_a_file_of_any_name_is_refused_in_clean_words(desk: Desk, client: TestClient, name: str) -> None:
    body = b"".join(
        [
            b'--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n' + json.dumps(GOOD).encode() + b"\r\n",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="',
            name.encode("utf-8", "surrogatepass") + b'"\r\n\r\n',
            b"no picture\r\n--x--\r\n",
        ]
    )
    refused = client.post("/v1/scenes", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert refused.status_code in (400, 422)
    (letter,) = desk.dead_letters
    assert letter.subject.isprintable()
    assert len(letter.subject) <= 200
    taken = client.post(
        "/v1/scenes", files={"file": ("a.tif", NoiseScene().geotiff())}, data={"metadata": json.dumps(GOOD)}
    )
    assert taken.status_code == 201
