"""Runs one service as `railwatch` does, with two things that production code does not have: points to die at, and bugs.

Usage: python -m tests.chaos.service SERVICE, with `CHAOS_DIRECTORY`, and `CHAOS_BUG` for a bug of `tests.chaos.bugs`.

A file `die-SERVICE` in the directory names a point. The process that comes there first removes it and dies by SIGKILL.
The points are put around functions from outside, so production code has no hook and no setting for this; and other than
by watching a process from outside, the moment is exact however busy the machine is.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.chaos import bugs

# By point: the module, the class (empty for a function), the function, and whether to die before or after it. Before
# `publish` the work is done and nothing is sent; after `commit` nothing is left to do.
POINTS: dict[str, tuple[str, str, str, bool]] = {
    "polled": ("kafka", "KafkaConsumer", "poll", False),
    "before-publish": ("railwatch.shared.bus.publisher", "Publisher", "publish", True),
    "published": ("railwatch.shared.bus.publisher", "Publisher", "publish", False),
    "before-commit": ("kafka", "KafkaConsumer", "commit", True),
    "committed": ("kafka", "KafkaConsumer", "commit", False),
    "before-store": ("railwatch.shared.blobs", "BlobStore", "put", True),
    "stored": ("railwatch.shared.blobs", "BlobStore", "put", False),
    "before-claim": ("railwatch.services.ingest.scenes.claims", "Claims", "put", True),
    "claimed": ("railwatch.services.ingest.scenes.claims", "Claims", "put", False),
    "before-state": ("railwatch.services.alerting.state.store", "Store", "transact", True),
    "state-written": ("railwatch.services.alerting.state.store", "Store", "transact", False),
    "outbox-published": ("railwatch.services.alerting.state.store", "Store", "published", True),
    "before-delivery": ("railwatch.services.alerting.delivery.post", "Poster", "post", True),
    "delivered": ("railwatch.services.alerting.delivery.post", "Poster", "post", False),
}

# The points that each service passes.
PASSED = {
    "ingest": ("before-store", "stored", "before-publish", "published", "before-claim", "claimed"),
    "detector": ("polled", "before-store", "stored", "before-publish", "published", "before-commit", "committed"),
    "alerting": (
        "polled",
        "before-state",
        "state-written",
        "before-publish",
        "published",
        "before-commit",
        "committed",
        "outbox-published",
        "before-delivery",
        "delivered",
    ),
}


def _sleep(seconds: Any) -> None:
    select.select([], [], [], seconds)


def _die_at(flag: Path, point: str) -> None:
    try:
        wanted = flag.read_text()
    except FileNotFoundError:
        return
    if wanted == point:
        flag.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGKILL)


def _with_points(function: Callable[..., Any], flag: Path, before: list[str], after: list[str]) -> Callable[..., Any]:
    @wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        for point in before:
            _die_at(flag, point)
        result = function(*args, **kwargs)
        if result or function.__name__ != "poll":  # to poll nothing is no point in a record's way
            for point in after:
                _die_at(flag, point)
        return result

    return watched


def _put_points(service: str, flag: Path) -> None:
    places: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for point in PASSED[service]:
        module, owner, name, before = POINTS[point]
        places.setdefault((module, owner, name), ([], []))[0 if before else 1].append(point)
    for (module, owner, name), (before_it, after_it) in places.items():
        holder = import_module(module)
        holder = getattr(holder, owner) if owner else holder
        setattr(holder, name, _with_points(getattr(holder, name), flag, before_it, after_it))


def main(service: str) -> None:
    """Run the service until a signal stops it, or a point."""
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # libfaketime 0.9.10 lets `clock_nanosleep` fail now and then with EINVAL. Python's `select` does not use it.
        time.sleep = _sleep
    bug = os.environ.get("CHAOS_BUG")
    if bug:
        bugs.BUGS[bug]()
    from railwatch.cli import main as railwatch

    _put_points(service, Path(os.environ["CHAOS_DIRECTORY"]) / f"die-{service}")
    sys.argv = ["railwatch", service]
    railwatch()


if __name__ == "__main__":
    main(sys.argv[1])
