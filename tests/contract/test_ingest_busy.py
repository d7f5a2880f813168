"""When more comes to ingest than it can take: what is put off costs nothing, and work for those who left is dropped."""

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from railwatch.services.ingest.http import api
from railwatch.services.ingest.http.api import PUSHES_IN_HAND, make_app
from railwatch.services.ingest.http.standing import Alerting
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.bus import PATIENCE_S, eventually
from tests.support.geotiff import NoiseScene
from tests.support.ingest import ANYONE, TOKEN, Desk, desk_over

METADATA = json.dumps({"observed_at": "2023-10-05T02:11:00Z"})
PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.tif"\r\n\r\n'
HEAD = (
    "POST /v1/scenes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {size}\r\n\r\n"
)


class Others(threading.Semaphore):
    """Scenes of others, after which ours comes."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited, self.done = threading.Event(), threading.Event()

    def __enter__(self, blocking: bool = True, timeout: float | None = None) -> bool:
        self.awaited.set()
        assert self.done.wait(PATIENCE_S)
        return super().__enter__(blocking, timeout)


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of ingest."""
    directory = tmp_path / "spool"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def desk(tmp_path: Path, spool: Path) -> Desk:
    return desk_over(tmp_path, SceneSettings(max_bytes=2_000_000, spool_bytes=5_000_000))


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with serve(desk.app(), HttpSettings(port=0), max_body_bytes=None) as url:
        yield url


def push(url: str, data: bytes, name: str = "a.tif") -> httpx.Response:
    return httpx.post(
        f"{url}/v1/scenes",
        files={"file": (name, data)},
        data={"metadata": METADATA},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=PATIENCE_S,
    )


def begun(url: str, size_bytes: int, sent: bytes = b"") -> socket.socket:
    """A push of so many bytes of which the beginning was sent."""
    sender = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), PATIENCE_S)
    head = HEAD.format(token=TOKEN, size=size_bytes).encode()
    sender.sendall(head + PART + sent)
    return sender


def test_a_push_beyond_the_limit_is_put_off_before_it_is_read(url: str, spool: Path) -> None:
    with ExitStack() as senders:
        for _ in range(PUSHES_IN_HAND):
            senders.enter_context(closing(begun(url, 100_000, b"II*\0")))
        eventually(lambda: len(list(spool.iterdir())) == PUSHES_IN_HAND, "all have begun")
        with closing(begun(url, 100_000, b"II*\0")) as late:
            answer = late.recv(10_000).decode()
        assert answer.startswith("HTTP/1.1 503")
        assert "retry-after: 10" in answer.lower()
        assert len(list(spool.iterdir())) == PUSHES_IN_HAND
    eventually(lambda: push(url, NoiseScene().geotiff()).status_code in (200, 201), "there is room again")


def test_the_spool_holds_so_many_bytes_and_not_more(url: str, spool: Path) -> None:
    with ExitStack() as senders:
        for _ in range(2):
            senders.enter_context(closing(begun(url, 1_900_000, bytes(1_800_000))))
        eventually(lambda: sum(file.stat().st_size for file in spool.iterdir()) > 3_500_000, "both are nearly here")
        assert push(url, bytes(1_900_000)).status_code == 503
        with closing(begun(url, 1_900_000)) as announced:
            assert announced.recv(10_000).startswith(b"HTTP/1.1 503")
        assert push(url, NoiseScene().geotiff()).status_code == 201
    eventually(lambda: not list(spool.iterdir()), "nothing is left behind")


def test_the_scene_of_a_sender_that_has_gone_is_not_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[threading.Event] = []

    def event() -> threading.Event:
        left.append(threading.Event())
        return left[-1]

    monkeypatch.setattr(api, "Event", event)
    others = Others()
    app = make_app(replace(desk.intake(), at_work=others), ANYONE, Progress(), {}, Alerting(desk.settings))
    scene = NoiseScene().geotiff()
    rest = f'\r\n--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{METADATA}\r\n--x--\r\n'.encode()
    with serve(app, HttpSettings(port=0), max_body_bytes=None) as url:
        with capture_logs() as logs:
            with closing(begun(url, len(PART) + len(scene) + len(rest), scene + rest)):
                eventually(others.awaited.is_set, "the scene waits for others")
            eventually(left[0].is_set, "the server has noticed that its sender left")
            others.done.set()
            eventually(lambda: any(line["event"] == "sender hung up" for line in logs), "its work is dropped")
        assert desk.published == []
        assert push(url, scene).status_code == 201


def test_two_refused_files_of_one_name_have_a_letter_each(desk: Desk, url: str) -> None:
    for data in (b"not a picture", b"no picture either", b"not a picture"):
        assert push(url, data, "scene.tif").status_code == 422
    first, second, again = desk.dead_letters
    assert first.subject == second.subject == "scene.tif"
    assert first.id != second.id
    assert again.id == first.id
