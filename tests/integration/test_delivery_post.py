"""Posting to receivers that are slow, broken or hostile."""

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from railwatch.services.alerting.delivery.post import MAX_ANSWER_BYTES, Poster
from railwatch.shared.errors import TransientError, UnprocessableError
from tests.support.bus import PATIENCE_S
from tests.support.receivers import receiver, rude_server

# How long a request waits for a receiver that hangs.
HANG_S = 0.5


def send(url: str, timeout_s: float = PATIENCE_S) -> None:
    Poster().post(url, b"{}", {"Content-Type": "application/json"}, timeout_s)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(answer)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_receiver_that_takes_it_gets_no_further_request(status: int) -> None:
    with receiver() as log:
        log.statuses.append(status)
        send(log.url)
        assert [request.body for request in log.requests] == [b"{}"]


@pytest.mark.parametrize("status", [401, 404, 408, 429, 500, 503])
def test_an_answer_that_may_change_is_tried_again(status: int) -> None:
    with receiver() as log:
        log.statuses.append(status)
        with pytest.raises(TransientError, match=str(status)):
            send(log.url)


@pytest.mark.parametrize("status", [400, 410, 413, 422])
def test_an_answer_that_will_not_change_is_not(status: int) -> None:
    with receiver() as log:
        log.statuses.append(status)
        with pytest.raises(UnprocessableError, match=str(status)):
            send(log.url)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_a_receiver_says_when_it_wants_to_be_asked_again(
    status: int, header: str | None, seconds: float | None
) -> None:
    with receiver() as log:
        log.statuses.append(status)
        log.retry_after = header
        with pytest.raises(TransientError) as error:
            send(log.url)
    assert error.value.retry_after_s == seconds


def test_a_receiver_may_say_a_date() -> None:
    with receiver() as log:
        log.statuses.append(503)
        log.retry_after = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        with pytest.raises(TransientError) as error:
            send(log.url)
    assert error.value.retry_after_s == pytest.approx(3600, abs=600)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_the_internal_network_is_not_followed(status: int) -> None:
    with receiver() as internal, receiver() as log:
        log.statuses.append(status)
        log.location = internal.url
        with pytest.raises(TransientError, match=str(status)):
            send(log.url)
        assert internal.requests == []


def test_nobody_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransientError):
        send(f"http://127.0.0.1:{port}/")


def hang_silently(released: threading.Event) -> Callable[[socket.socket], None]:
    return lambda _: (released.wait(20), None)[1]


def drip(head: bytes) -> Callable[[threading.Event], Callable[[socket.socket], None]]:
    """One byte every little while: no single wait is long, but all of them together never end."""

    def behave(released: threading.Event) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            connection.sendall(head)
            while not released.wait(HANG_S / 10):
                connection.sendall(b"x")

        return answer

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        hang_silently,
        drip(b"HTTP/1.1 200 OK\r\nX-Header: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
    ],
    ids=["silence", "dripping-header", "dripping-body"],
)
def test_a_receiver_that_hangs_costs_a_bounded_time(
    behaviour: Callable[[threading.Event], Callable[[socket.socket], None]],
) -> None:
    released = threading.Event()
    with rude_server(behaviour(released)) as url:
        try:
            with pytest.raises(TransientError, match="no answer within"):
                send(url, HANG_S)
        finally:
            released.set()


def test_an_answer_shorter_than_it_says_is_no_answer() -> None:
    with (
        rude_server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")) as url,
        pytest.raises(TransientError),
    ):
        send(url)


def test_an_answer_without_end_is_read_up_to_a_bound() -> None:
    sent: list[int] = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        sent.extend(connection.send(b"x" * 65_536) for _ in range(10_000))

    with rude_server(flood) as url:
        send(url)
    assert sum(sent) < 200 * MAX_ANSWER_BYTES


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"])
def test_what_is_not_http_is_tried_again(answer: bytes) -> None:
    with rude_server(says(answer)) as url, pytest.raises(TransientError):
        send(url)
