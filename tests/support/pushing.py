"""Scenes that are pushed to ingest's HTTP API, for tests."""

import json
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from railwatch.shared.access import Tokens
from tests.support.geotiff import NoiseScene
from tests.support.ingest import ANYONE, TOKEN, Desk

OBSERVED_AT = "2023-10-05T02:11:00Z"
METADATA = {"observed_at": OBSERVED_AT, "scene": "S1", "sun": {"azimuth_deg": 168.0, "elevation_deg": 41.0}}


def sender(desk: Desk, tokens: Tokens = ANYONE, token: str = TOKEN) -> TestClient:
    """Speaks to ingest's HTTP API with a token. Ingest has the limits that the desk has now."""
    headers = {"Authorization": f"Bearer {token}"}
    return TestClient(desk.app(tokens), raise_server_exceptions=False, headers=headers)


def push(
    client: TestClient, data: bytes | None = None, metadata: dict[str, Any] | str = METADATA, **headers: str
) -> Response:
    """The answer to a scene and its metadata, which are sent as they are if they are text."""
    document = metadata if isinstance(metadata, str) else json.dumps(metadata)
    files = {"file": ("scene.tif", NoiseScene().geotiff() if data is None else data, "image/tiff")}
    answer: Response = client.post("/v1/scenes", files=files, data={"metadata": document}, headers=headers)
    return answer
