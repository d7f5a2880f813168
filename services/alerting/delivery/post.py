"""One HTTP POST to a receiver that may be slow, broken or hostile: bounded in time and size, no redirect followed."""

import asyncio

import httpx

from railwatch.shared.errors import TransientError, UnprocessableError

# More of an answer is not read; what a receiver says beyond its status is of no use.
MAX_ANSWER_BYTES = 65_536

# Statuses by which a receiver says that this very request will never be taken. All others may pass.
NEVER_TAKEN = frozenset({400, 410, 413, 415, 422})


def post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> None:
    """Post a body, and return when the receiver has taken it: a 2xx status, and an answer as long as it says.

    The address is the operator's and is reached wherever it leads, but a redirect is the receiver's, and could lead
    into the internal network: it is a failure like any other.

    Args:
        url: the receiver's address.
        body: what to post.
        headers: its headers.
        timeout_s: time for everything, from connecting to the end of the answer.

    Raises:
        TransientError: no answer in time, or one that may change.
        UnprocessableError: `refused-by-receiver`: the receiver will never take this.
    """
    try:
        status = asyncio.run(_post(url, body, headers, timeout_s))
    except TimeoutError:
        raise TransientError(f"no answer within {timeout_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransientError(f"{type(error).__name__}: {error}") from None
    if status in NEVER_TAKEN:
        raise UnprocessableError("refused-by-receiver", f"the receiver answered {status}")
    if not 200 <= status < 300:
        raise TransientError(f"the receiver answered {status}")


async def _post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> int:
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
        return answer.status_code
