"""One HTTP POST to a receiver that may be slow, broken or hostile: limited in time and size, without redirects."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from railwatch.shared.errors import TransientError, UnprocessableError

# No more of an answer is read. Beyond its status, an answer is of no use.
MAX_ANSWER_BYTES = 65_536

# With these statuses a receiver says that it will never take this request. After all others, a retry may succeed.
NEVER_TAKEN = frozenset({400, 410, 413, 415, 422})

# With these statuses a receiver may say when it wants to be asked again.
ASKS_FOR_A_PAUSE = frozenset({429, 503})


def post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> None:
    """Post a body, and return when the receiver has taken it: a 2xx status, and an answer as long as it says.

    The operator chose the address, so it may lead anywhere. A redirect is chosen by the receiver and could lead into
    the internal network, so it is a failure.

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
    try:
        status, retry_after = asyncio.run(_post(url, body, headers, timeout_s))
    except TimeoutError:
        raise TransientError(f"no answer within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransientError(f"{type(error).__name__}: {error}") from None
    if status in NEVER_TAKEN:
        raise UnprocessableError("refused-by-receiver", f"the receiver answered {status}")
    if not 200 <= status < 300:
        pause_s = _seconds(retry_after) if status in ASKS_FOR_A_PAUSE else None
        raise TransientError(f"the receiver answered {status}", pause_s)


async def _post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> tuple[int, str]:
    async with (
        asyncio.timeout(timeout_s),
        httpx.AsyncClient(follow_redirects=False, timeout=timeout_s) as client,
        client.stream("POST", url, content=body, headers={"Accept-Encoding": "identity", **headers}) as answer,
    ):
        read = 0
        async for chunk in answer.aiter_raw():
            read += len(chunk)
            if read > MAX_ANSWER_BYTES:
                break
        return answer.status_code, answer.headers.get("Retry-After", "")


def _seconds(retry_after: str) -> float | None:
    """What `Retry-After` asks for, as a number of seconds or as a date (RFC 9110). Null if it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
