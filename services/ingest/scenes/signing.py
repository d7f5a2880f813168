"""Signed addresses: a short-lived token for a container of files, asked for once and kept until shortly before it ends.

This is how Microsoft's Planetary Computer lets its files be read
(https://planetarycomputer.microsoft.com/docs/concepts/sas/).
"""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

import httpx

from railwatch.services.ingest.scenes.credentials import Credentials, origin_of
from railwatch.services.ingest.scenes.fetch import Request, TooManyRedirectsError, TooSlowError, fetch
from railwatch.shared.errors import TransientError

# Longest answer, and the seconds that it may take.
MAX_ANSWER_BYTES = 64 * 1024
ANSWER_WITHIN_S = 30.0
# A token is asked for anew so long before it ends, and after so long if it does not say when it ends.
MARGIN = timedelta(minutes=2)
KEPT_FOR = timedelta(minutes=5)
# Where a token says when it ends.
EXPIRY = "msft:expiry"


class _Token(NamedTuple):
    query: str
    ends_at: datetime


class Signer:
    """Makes requests for the addresses of one source. Threads may share it."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._tokens: dict[str, _Token] = {}
        self._lock = threading.Lock()

    def request(self, address: str) -> Request:
        """An address with what its server wants to see: a token in its query, or headers.

        Raises:
            TransientError: no token can be had now.
        """
        credential = self._credentials.of(address)
        if credential is None or credential.signed_by is None:
            return Request(address, self._credentials.headers(address))
        url = httpx.URL(address)
        query = "&".join(part for part in (url.query.decode(), self._token(_place(credential.signed_by, url))) if part)
        return Request(str(url.copy_with(query=query.encode())), {})

    def forget(self, address: str) -> bool:
        """Whether the address had a token that was not accepted; the next request has a new one."""
        credential = self._credentials.of(address)
        if credential is None or credential.signed_by is None:
            return False
        return self._tokens.pop(_place(credential.signed_by, httpx.URL(address)), None) is not None

    def _token(self, place: str) -> str:
        with self._lock:
            token = self._tokens.get(place)
            if token is None or datetime.now(UTC) > token.ends_at - MARGIN:
                token = self._tokens[place] = self._asked(place)
            return token.query

    def _asked(self, place: str) -> _Token:
        answer = bytearray()

        def take(piece: bytes) -> None:
            answer.extend(piece)
            if len(answer) > MAX_ANSWER_BYTES:
                raise ValueError

        def only_there(address: str) -> Request:
            if origin_of(address) != origin_of(place):
                raise ValueError
            return Request(address, self._credentials.headers(address))

        try:
            response = fetch(place, only_there, take, ANSWER_WITHIN_S)
            if not response.is_success:
                raise TransientError(f"The server of tokens answered {response.status_code}.")
            return _read(bytes(answer))
        except (TooManyRedirectsError, TooSlowError, httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
            raise TransientError(f"The server of tokens failed: {type(error).__name__}.") from None


def _place(template: str, url: httpx.URL) -> str:
    """The address of a token."""
    container = quote(url.path.strip("/").partition("/")[0], safe="")
    return template.replace("{account}", url.host.partition(".")[0]).replace("{container}", container)


def _read(answer: bytes) -> _Token:
    """A token; it raises `ValueError` or `TypeError` if there is none."""
    document = json.loads(answer)
    query = document["token"] if isinstance(document, dict) and "token" in document else None
    if not isinstance(query, str) or not query.isascii() or not query.isprintable() or set(query) & set(" #"):
        raise ValueError
    if EXPIRY not in document:
        return _Token(query.lstrip("?"), datetime.now(UTC) + MARGIN + KEPT_FOR)
    ends_at = datetime.fromisoformat(document[EXPIRY])
    return _Token(query.lstrip("?"), ends_at if ends_at.tzinfo else ends_at.replace(tzinfo=UTC))
