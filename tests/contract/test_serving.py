"""What strangers try on the HTTP server of every service, over real sockets."""

import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, SecretStr

from railwatch.shared import connections, serving
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.admission import admitted
from railwatch.shared.connections import BoundedConnection
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import answer_with_problems, json_body
from railwatch.shared.serving import MAX_BODY_BYTES, MAX_HEADERS, MAX_REQUESTS, serve
from railwatch.shared.settings import HttpSettings
from tests.support.bus import PATIENCE_S, eventually

TOKEN = "a-token-of-some-length"
CONNECTIONS = 45


class Note(BaseModel):
    """What the test's service takes."""

    text: str


class House:
    """A service with one route that takes a body, one that takes its time, and one that says a lot."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.busy = 0
        self.go_on = threading.Event()
        self.app = FastAPI()
        answer_with_problems(self.app)
        self.app.include_router(health_router("alerting", Progress(), {}, alive_within_s=1e9))
        check = admitted(Tokens(None, [SecretStr(TOKEN)], [Scope.PUSH]), Scope.PUSH)

        @self.app.post("/notes", dependencies=[Depends(check)])
        def take(note: Annotated[Note, Depends(json_body(Note))]) -> int:
            return len(note.text)

        @self.app.post("/bytes")
        async def count(request: Request) -> int:
            async for chunk in request.stream():
                self.read_bytes += len(chunk)
            return self.read_bytes

        @self.app.get("/slow")
        def wait() -> str:
            self.busy += 1
            assert self.go_on.wait(PATIENCE_S)
            return "done"

        @self.app.get("/long")
        def say() -> str:
            return "x" * 20_000_000


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.go_on.set()


@pytest.fixture
def url(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", CONNECTIONS)
    with serve(house.app, HttpSettings(port=0)) as url:
        yield url


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        yield connection


def closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection. What it said before is thrown away."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            continue
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


def answer_of(connection: socket.socket) -> str:
    """All that the server says until it closes the connection."""
    said = b""
    with suppress(ConnectionError):
        while data := connection.recv(65536):
            said += data
    return said.decode()


def alive(url: str) -> bool:
    return httpx.get(f"{url}/healthz", timeout=PATIENCE_S).status_code == 200


def test_answers_are_counted_by_status_without_those_to_probes(url: str) -> None:
    def counted() -> dict[str, float]:
        samples = (sample for metric in serving.RESPONSES.collect() for sample in metric.samples)
        return {sample.labels["status"]: sample.value for sample in samples if sample.name.endswith("_total")}

    before = counted()
    for path in ("/healthz", "/readyz", "/metrics", "/nothing", "/nothing", "/long"):
        httpx.get(url + path, timeout=PATIENCE_S)
    httpx.post(f"{url}/notes", json={"text": "no token"}, timeout=PATIENCE_S)
    now = counted()
    more = {status: count - before.get(status, 0) for status, count in now.items() if count != before.get(status, 0)}
    assert more == {"404": 2, "200": 1, "401": 1}


@pytest.mark.parametrize("begun", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_half_sent_requests_push_out_one_another(url: str, begun: bytes) -> None:
    with ExitStack() as flood:
        opened = []
        for number in range(20 * CONNECTIONS):
            opened.append(flood.enter_context(connected(url)))
            opened[-1].sendall(begun)
            if number % 100 == 0:
                assert alive(url)
        assert alive(url)
        eventually(lambda: sum(not closed(each) for each in opened) <= CONNECTIONS, "the oldest are closed")


def test_a_flood_cuts_no_request_that_is_being_answered(house: House, url: str) -> None:
    with connected(url) as asker, ExitStack() as flood:
        asker.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lambda: house.busy, "the request has begun")
        for _ in range(2 * CONNECTIONS):
            flood.enter_context(connected(url)).sendall(b"GET")
        assert alive(url)
        house.go_on.set()
        assert answer_of(asker).endswith('"done"')


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nX-Slow: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET",
        b"POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"POST /notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_sender_of_one_byte_at_a_time_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.5)
    with connected(url) as sender:
        sender.sendall(sent)

        def cut_off() -> bool:
            with suppress(ConnectionError):
                sender.sendall(b"1")
            return closed(sender)

        eventually(cut_off, "the server closes the connection")


def test_a_body_that_drips_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BODY_WITHIN_S", 0.5)
    head = f"POST /notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 60000\r\n\r\n"
    with connected(url) as sender:
        sender.sendall(head.encode())
        while not select.select([sender], [], [], 0.05)[0]:
            sender.sendall(b" ")
        assert sender.recv(12) == b"HTTP/1.1 408"


def test_a_body_that_comes_at_a_fair_rate_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BODY_WITHIN_S", 0.2)
    monkeypatch.setattr(serving, "MIN_BODY_BYTES_PER_S", 1)
    head = b"POST /bytes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1200\r\n\r\n"
    with connected(url) as sender:
        sender.sendall(head + b"x" * 900)
        for _ in range(3):
            assert not select.select([sender], [], [], 0.1)[0]
            sender.sendall(b"x" * 100)
        assert answer_of(sender).endswith("1200")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_stranger_is_turned_away_before_the_body(url: str, chunked: bool) -> None:
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 2000000000"
    with connected(url) as sender:
        sender.sendall(f"POST /notes HTTP/1.1\r\nHost: x\r\n{length}\r\nConnection: close\r\n\r\n".encode())
        assert answer_of(sender).startswith("HTTP/1.1 401 ")


def test_a_body_is_only_so_long(url: str) -> None:
    authorized = {"Authorization": f"Bearer {TOKEN}"}
    longest = json.dumps({"text": ""})[:-2] + "x" * (MAX_BODY_BYTES - 12) + '"}'
    assert len(longest) == MAX_BODY_BYTES
    assert httpx.post(f"{url}/notes", content=longest, headers=authorized).json() == MAX_BODY_BYTES - 12
    longer = httpx.post(f"{url}/notes", content=longest + " ", headers=authorized)
    assert (longer.status_code, longer.headers["content-type"]) == (413, "application/problem+json")


def test_an_endless_body_is_cut_while_it_comes_in(house: House, url: str) -> None:
    with connected(url) as sender:
        sender.sendall(b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(1_000):
                sender.sendall(b"fffff\r\n" + bytes(0xFFFFF) + b"\r\n")
    assert house.read_bytes <= MAX_BODY_BYTES


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(MAX_HEADERS + 1)),
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n",
        b"GET /healthz?" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"y" * 1_000_000,
    ],
)
def test_a_head_has_only_so_many_headers_and_bytes(url: str, head: bytes) -> None:
    with connected(url) as sender:
        with suppress(ConnectionError):
            sender.sendall(head + b"\r\n")
        assert answer_of(sender)[:12] in ("HTTP/1.1 431", "HTTP/1.1 400", "")
    assert alive(url)


def test_a_reader_that_does_not_read_is_cut_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_WITHIN_S", 0.5)
    lost = threading.Event()
    ending = BoundedConnection.connection_lost

    def noted(connection: BoundedConnection, error: Exception | None) -> None:
        ending(connection, error)
        lost.set()

    monkeypatch.setattr(BoundedConnection, "connection_lost", noted)
    with connected(url) as reader:
        reader.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lost.is_set, "the server hangs up")
        assert len(answer_of(reader)) < 20_000_000


def test_too_many_requests_are_put_off_and_the_probes_are_answered(house: House, url: str) -> None:
    with ExitStack() as askers:
        for _ in range(MAX_REQUESTS):
            askers.enter_context(connected(url)).sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: house.busy == MAX_REQUESTS, "all have begun")
        refused = httpx.get(f"{url}/slow", timeout=PATIENCE_S)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert alive(url)
        assert httpx.get(f"{url}/readyz", timeout=PATIENCE_S).status_code == 200
        house.go_on.set()
        eventually(lambda: httpx.get(f"{url}/slow", timeout=PATIENCE_S).status_code == 200, "there is room again")
