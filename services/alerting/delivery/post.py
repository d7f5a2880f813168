"""One HTTP POST to a receiver that may be slow, broken or hostile: limited in time and size, without redirects."""

import asyncio
import os
import threading
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.retry_after import pause_s
from railwatch.shared.settings import TRUSTED

# No more of an answer is read. Beyond its status, an answer is of no use.
MAX_ANSWER_BYTES = 65_536

# With these statuses a receiver says that it will never take this request. After all others, a retry may succeed.
NEVER_TAKEN = frozenset({400, 410, 413, 415, 422})

# With these statuses a receiver may say when it wants to be asked again.
ASKS_FOR_A_PAUSE = frozenset({429, 503})


class Poster:
    """Posts to receivers, over connections that stay open for the next time. Threads may share it.

    The authorities that it trusts are read when it posts first, and again when the file has changed that
    `SSL_CERT_FILE` names.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None
        self._trusted: object = None

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> None:
        """Post a body, and return when the receiver has taken it: a 2xx status, and an answer as long as it says.

        The operator chose the address, so it may lead anywhere. A redirect is chosen by the receiver and could lead
        into the internal network, so it is a failure. Cookies are not kept.

        Args:
            url: the receiver's address.
            body: what to post.
            headers: its headers.
            timeout_s: time for everything, from connecting to the end of the answer, seconds.

        Raises:
            TransientError: no answer in time, or one that may be different next time. After a 429 or a 503, it has the
                pause that `Retry-After` asks for.
            UnprocessableError: `refused-by-receiver`: the receiver will never take this.
        """
        work = self._post(url, body, headers, timeout_s)
        try:
            status, retry_after = asyncio.run_coroutine_threadsafe(work, self._running_loop()).result()
        except TimeoutError:
            raise TransientError(f"no answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TransientError(f"{type(error).__name__}: {error}") from None
        if status in NEVER_TAKEN:
            raise UnprocessableError("refused-by-receiver", f"the receiver answered {status}")
        if not 200 <= status < 300:
            asked_s = pause_s(retry_after) if status in ASKS_FOR_A_PAUSE else None
            raise TransientError(f"the receiver answered {status}", asked_s)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        headers = {"Accept-Encoding": "identity", **headers}
        async with (
            asyncio.timeout(timeout_s),
            self._current_client().stream("POST", url, content=body, headers=headers, timeout=timeout_s) as answer,
        ):
            read = 0
            async for chunk in answer.aiter_raw():
                read += len(chunk)
                if read > MAX_ANSWER_BYTES:
                    break
            return answer.status_code, answer.headers.get("Retry-After", "")

    def _current_client(self) -> httpx.AsyncClient:
        """The client. It is made anew, which takes 50 ms of processor, only when other authorities are trusted."""
        file = Path(os.environ.get(TRUSTED, ""))
        trusted = file, file.stat().st_mtime_ns if file.is_file() else None
        if self._client is None or trusted != self._trusted:
            # The client before is left to the requests that still use it.
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            self._client = httpx.AsyncClient(follow_redirects=False, cookies=no_cookies)
            self._trusted = trusted
        return self._client

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="poster", daemon=True).start()
            return self._loop
