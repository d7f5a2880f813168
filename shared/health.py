"""What every service serves over HTTP: `/healthz` (whether it makes progress), `/readyz` and `/metrics`.

None of them shares a thread with other requests. So they answer when all threads are busy.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from railwatch.shared.metrics import MetricsOf, registry
from railwatch.shared.process import SERVICES, Service

# A loop that has not come round for this time is stuck. It normally comes round several times a second.
ALIVE_WITHIN_S = 60.0
# An attempt to reach a dependency may take so long, all its repetitions included; and how often it beats meanwhile.
WAITS_AT_MOST_S = 600.0
BEAT_EVERY_S = 1.0
# A dependency that has not answered after this time is missing. A probe waits a little longer.
ANSWER_WITHIN_S = 3.0

NOT_WELL: dict[int | str, dict[str, Any]] = {
    503: {"description": "It is not well.", "content": {"application/json": {}}}
}

_EVERY = MetricsOf(SERVICES)

log = structlog.get_logger(__name__)

READY = _EVERY.gauge(
    "railwatch_ready",
    "1 if the dependency answered when `/readyz` was last asked, and took a write of a service that writes; 0 if not.",
    dependency="as `/readyz` names it, such as `kafka` or `redis`",
)
PROGRESS_AGE_SECONDS = _EVERY.gauge(
    "railwatch_progress_age_seconds",
    "Time since the service's loop last came round; normally less than a second, and after a minute it is stuck.",
)


class Progress:
    """When the service's loop last came round."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        """Note that the loop came round."""
        self._last = time.monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block that may have to wait for something that is away. To wait is progress, for `WAITS_AT_MOST_S`."""
        over, until = threading.Event(), time.monotonic() + WAITS_AT_MOST_S

        def beat() -> None:
            while time.monotonic() < until:
                self.beat()
                if over.wait(BEAT_EVERY_S):
                    return

        thread = threading.Thread(target=beat, name="waiting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @property
    def age_s(self) -> float:
        """Seconds since the loop last came round."""
        return time.monotonic() - self._last

    def alive(self, within_s: float) -> bool:
        """Whether the loop came round within this many seconds."""
        return self.age_s <= within_s


class Readiness:
    """Asks each dependency whether it answers, in a thread of its own.

    So a dependency that hangs delays no other answer and no other request, and costs one thread however often it is
    asked for.
    """

    def __init__(self, ready: Mapping[str, Callable[[], bool]]) -> None:
        self._ready = ready
        self._asked: dict[str, Future[bool]] = {}

    async def missing(self, within_s: float) -> list[str]:
        """The dependencies that do not answer within this many seconds, or say no. It also sets the metric."""
        asked = {name: self._ask(name) for name in self._ready}
        if asked:
            await asyncio.wait([asyncio.wrap_future(answer) for answer in asked.values()], timeout=within_s)
        answers = {name: answer.done() and answer.result() for name, answer in asked.items()}
        for name, answer in answers.items():
            READY.labels(name).set(answer)
        return [name for name, answer in answers.items() if not answer]

    def _ask(self, name: str) -> Future[bool]:
        """The answer that is on its way, or else that to a new question."""
        answer = self._asked.get(name)
        if answer is None or answer.done():
            answer = self._asked[name] = Future()
            threading.Thread(
                target=_answer, args=(self._ready[name], answer), name=f"ready-{name}", daemon=True
            ).start()
        return answer


def _answer(is_ready: Callable[[], bool], answer: Future[bool]) -> None:
    try:
        answer.set_result(is_ready())
    except Exception:
        log.exception("a dependency cannot be asked")
        answer.set_result(False)


def health_router(
    service: Service,
    progress: Progress,
    ready: Mapping[str, Callable[[], bool]],
    alive_within_s: float = ALIVE_WITHIN_S,
) -> APIRouter:
    """The three routes.

    Args:
        service: whose metrics are served.
        progress: the progress of the service's loop.
        ready: for each dependency, by name, a question whether it answers. A request to `/readyz` asks it, or gets the
            answer that is on its way.
        alive_within_s: how old the last beat may be, in seconds.
    """
    served = registry(service)
    readiness, own_thread = Readiness(ready), CapacityLimiter(1)
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", summary="Whether the service makes progress", responses=NOT_WELL)
    async def healthz() -> JSONResponse:
        alive = progress.alive(alive_within_s)
        body = {"status": "alive" if alive else "stuck", "last_progress_s": round(progress.age_s, 1)}
        return JSONResponse(body, 200 if alive else 503)

    @router.get("/readyz", summary="Whether the service has all that it needs", responses=NOT_WELL)
    async def readyz() -> JSONResponse:
        missing = await readiness.missing(ANSWER_WITHIN_S)
        return JSONResponse(
            {"status": "not ready" if missing else "ready", "missing": missing}, 503 if missing else 200
        )

    @router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response)
    async def exposition() -> Response:
        PROGRESS_AGE_SECONDS.set(progress.age_s)
        text = await to_thread.run_sync(generate_latest, served, limiter=own_thread)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router
