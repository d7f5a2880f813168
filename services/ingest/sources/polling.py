"""The loop over the sources, and what they do with each scene that they find."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.arrival import arriving
from railwatch.services.ingest.scenes.intake import Intake, Receipt
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.health import Progress

log = structlog.get_logger()


def offer(
    intake: Intake, subject: str, source: str, take: Callable[[], Receipt]
) -> Receipt | UnprocessableError | None:
    """Takes a scene or refuses it for good; null means that it must be offered again later.

    A fault of Railwatch itself also refuses the scene. The dead letter keeps it, so that it can be offered again when
    the fault is repaired. Trying it again and again would hold up the other scenes.
    """
    try:
        try:
            with arriving(source):
                return take()
        except UnprocessableError as error:
            refusal = error
        except (TransientError, OSError):
            raise
        except Exception:
            log.exception("scene failed", subject=subject, source=source)
            refusal = UnprocessableError(
                "internal-error", "Railwatch failed on this scene; the log of ingest says how."
            )
        intake.refuse(refusal, subject, source)
        return refusal
    except (TransientError, OSError) as error:
        metrics.SCENES.labels(source=source, outcome="deferred", reason="").inc()
        log.warning("scene deferred", subject=subject, source=source, detail=str(error))
        return None


@dataclass(frozen=True)
class Source:
    """Something to look for scenes in, again and again.

    Attributes:
        name: its name in events and metrics.
        poll: takes what is there now; it returns early when the event is set.
        every_s: the pause between two polls.
    """

    name: str
    poll: Callable[[threading.Event], None]
    every_s: float

    def run(self, stop: threading.Event) -> None:
        """Polls until `stop` is set."""
        while not stop.is_set():
            try:
                self.poll(stop)
            except (TransientError, OSError) as error:
                log.warning("source failed", source=self.name, detail=str(error))
            stop.wait(self.every_s)


def run_sources(sources: Sequence[Source], progress: Progress, stop: threading.Event) -> None:
    """Runs each source in a thread of its own until `stop` is set and the scenes in hand are done.

    Raises:
        Exception: what ended a source before `stop` was set.
    """
    with ThreadPoolExecutor(max_workers=len(sources) + 1, thread_name_prefix="source") as threads:
        running = [threads.submit(source.run, stop) for source in sources]
        while not stop.wait(1.0):
            progress.beat()
            if any(source.done() for source in running):
                stop.set()
        for source in running:
            source.result()
