"""What every service serves over HTTP: `/healthz` (whether it makes progress), `/readyz` and `/metrics`."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from railwatch.shared.metrics import MetricsOf, registry
from railwatch.shared.process import SERVICES, Service

# A loop that has not come round for this time is stuck. It normally comes round several times a second.
ALIVE_WITHIN_S = 60.0

NOT_WELL: dict[int | str, dict[str, Any]] = {
    503: {"description": "It is not well.", "content": {"application/json": {}}}
}

_EVERY = MetricsOf(SERVICES)

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

    @property
    def age_s(self) -> float:
        """Seconds since the loop last came round."""
        return time.monotonic() - self._last

    def alive(self, within_s: float) -> bool:
        """Whether the loop came round within this many seconds."""
        return self.age_s <= within_s


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
        ready: for each dependency, by name, a question whether it answers. It is asked at every request to `/readyz`.
        alive_within_s: how old the last beat may be, in seconds.
    """
    served = registry(service)
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", summary="Whether the service makes progress", responses=NOT_WELL)
    async def healthz() -> JSONResponse:  # it needs no thread, so it answers when all threads are busy
        alive = progress.alive(alive_within_s)
        body = {"status": "alive" if alive else "stuck", "last_progress_s": round(progress.age_s, 1)}
        return JSONResponse(body, 200 if alive else 503)

    @router.get("/readyz", summary="Whether the service has all that it needs", responses=NOT_WELL)
    def readyz() -> JSONResponse:
        answers = {name: is_ready() for name, is_ready in ready.items()}
        for name, answer in answers.items():
            READY.labels(name).set(answer)
        missing = [name for name, answer in answers.items() if not answer]
        return JSONResponse(
            {"status": "not ready" if missing else "ready", "missing": missing}, 503 if missing else 200
        )

    @router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response)
    def exposition() -> Response:
        PROGRESS_AGE_SECONDS.set(progress.age_s)
        return Response(generate_latest(served), media_type=CONTENT_TYPE_LATEST)

    return router
