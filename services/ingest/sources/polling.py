"""The loop over the sources, and what they do with each scene that they find."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.arrival import arriving
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.sources.turns import RENEWED_EVERY_S, Standing, TurnLostError, Turns
from railwatch.shared.bus import RetryPolicy
from railwatch.shared.errors import DependencyAwayError, NotPublishedError, TransientError, UnprocessableError
from railwatch.shared.events import derived_id
from railwatch.shared.health import Progress

log = structlog.get_logger()

# Refusals whose cause lies outside the scene. The asset may still come, or the operator may allow its address.
MAY_PASS = frozenset({"asset-not-found", "asset-refused", "file-refused", "timestamp-in-future"})
# What stops a poll: what ingest needs for every scene is away.
AWAY = (DependencyAwayError, NotPublishedError)
# A refusal that lasts is told this often.
TOLD_AGAIN_AFTER = timedelta(days=1)


def attempt(subject: str, source: str, take: Callable[[], Receipt]) -> Receipt | UnprocessableError:
    """Takes a scene, or says why it cannot be taken. No dead letter is published yet.

    A fault of Railwatch itself also refuses the scene. The dead letter keeps it, so that it can be offered again when
    the fault is repaired. Trying it again and again would hold up the other scenes.

    Args:
        subject: its name in logs.
        source: where it comes in.
        take: what takes it.

    Raises:
        TransientError, OSError: it cannot be taken now.
    """
    try:
        with arriving(source):
            return take()
    except UnprocessableError as error:
        return error
    except (TransientError, OSError):
        raise
    except Exception:
        log.exception("scene failed", subject=subject, source=source)
        return UnprocessableError("internal-error", "Railwatch failed on this scene; the log of ingest says how.")


def offer(
    intake: Intake, subject: str, content: str, source: str, take: Callable[[], Receipt], told: str | None = None
) -> Receipt | UnprocessableError | None:
    """Takes a scene or refuses it for good; null means that it must be offered again later.

    Args:
        intake: takes the scene.
        subject: its name in dead letters and logs.
        content: an id of what it is, for its dead letter.
        source: where it comes in.
        take: what takes it.
        told: the reason of its last dead letter, which is not told again.

    Raises:
        DependencyAwayError: Redis or the store is away. The scenes after this one would fare the same.
        NotPublishedError: Kafka is away.
    """
    try:
        outcome = attempt(subject, source, take)
        if isinstance(outcome, UnprocessableError):
            if outcome.reason == told:
                metrics.SCENES.labels(source=source, outcome="deferred", reason="").inc()
            else:
                intake.refuse(outcome, subject, content, source)
        return outcome
    except AWAY:
        metrics.SCENES.labels(source=source, outcome="deferred", reason="").inc()
        raise
    except (TransientError, OSError) as error:
        log.warning("scene deferred", subject=subject, source=source, detail=str(error))
    except Exception:
        log.exception("refusal failed", subject=subject, source=source)
    metrics.SCENES.labels(source=source, outcome="deferred", reason="").inc()
    return None


def settle(intake: Intake, note: str, subject: str, source: str, take: Callable[[], Receipt]) -> bool:
    """Offers a scene, unless a claim says that this was done. A refusal that may pass is offered again at each poll.

    Returns:
        Whether the scene was taken or refused. Otherwise it was put off, and must be offered again.

    Args:
        intake: takes the scene.
        note: the claim, derived from what the scene is.
        subject: its name in dead letters and logs.
        source: where it comes in.
        take: what takes it.

    Raises:
        DependencyAwayError: Redis or the store is away.
        NotPublishedError: Kafka is away.
    """
    if intake.claims.get(note) is not None:
        return True
    letter = derived_id("letter", note)
    told = intake.claims.get(letter)
    outcome = offer(intake, subject, note, source, take, told)
    if not isinstance(outcome, UnprocessableError) or outcome.reason not in MAY_PASS:
        if outcome is not None:
            intake.claims.put(note, "settled")
    elif outcome.reason != told:
        intake.claims.put(letter, outcome.reason, TOLD_AGAIN_AFTER)
    return outcome is not None


@dataclass(frozen=True)
class Source:
    """Something to look for scenes in, again and again.

    Attributes:
        name: its name in events and metrics.
        poll: takes what is there now; it returns early when the event is set. It says whether it has looked through
            everything, and nothing was put off.
        every_s: the pause between two polls.
        turns: whose turn it is.
    """

    name: str
    poll: Callable[[threading.Event], bool]
    every_s: float
    turns: Turns

    def run(self, stop: threading.Event) -> None:
        """Looks through the source whenever it is this replica's turn, until `stop` is set."""
        metrics.SOURCE_FAILURES.labels(source=self.name)  # a rate needs to see the counter begin at 0
        waits = 0
        while not stop.is_set():
            pause_s = RENEWED_EVERY_S
            try:
                with self.turns.taken(stop) as ends:
                    self._show(self.turns.standing())
                    if ends is not None:
                        self._look(ends, stop)
                waits = 0
            except AWAY as error:
                waits += 1
                pause_s = min(pause_s, self._wait_s(waits, error))
            except Exception as error:
                self._failed(error)
            stop.wait(pause_s)

    def _look(self, ends: threading.Event, stop: threading.Event) -> None:
        """Polls until the turn ends. A poll that fails is told, and the next one tries again.

        What ingest needs itself is waited for with growing pauses, as long as it is away. Then the same scene is first.
        """
        waits = 0
        while not (ends.is_set() or stop.is_set()):
            pause_s = self.every_s
            try:
                pause_s = self._poll(ends)
                waits = 0
            except TurnLostError:
                return
            except AWAY as error:
                waits += 1
                pause_s = min(self.every_s, self._wait_s(waits, error))
            ends.wait(pause_s)

    def _poll(self, ends: threading.Event) -> float:
        """Polls once, and says how long to wait then, in seconds."""
        began, pause_s, failing = datetime.now(UTC), self.every_s, False
        try:
            complete = self.poll(ends)
        except (TurnLostError, *AWAY):
            raise
        except Exception as error:
            complete, failing = False, True
            pause_s = max(pause_s, getattr(error, "retry_after_s", None) or 0)
            self._failed(error)
        before = self.turns.standing()
        standing = Standing(began if complete and not ends.is_set() else before.complete_at, failing)
        self.turns.stand(standing)
        self._show(standing)
        return pause_s

    def _show(self, standing: Standing) -> None:
        complete_at = standing.complete_at.timestamp() if standing.complete_at else 0
        metrics.SOURCE_COMPLETE.labels(source=self.name).set(complete_at)
        metrics.SOURCE_HEALTHY.labels(source=self.name).set(not standing.failing)

    def _failed(self, error: Exception) -> None:
        metrics.SOURCE_FAILURES.labels(source=self.name).inc()
        if isinstance(error, TransientError | OSError):
            log.warning("source failed", source=self.name, detail=str(error))
        else:
            log.exception("source failed", source=self.name)

    def _wait_s(self, waits: int, error: Exception) -> float:
        wait_s = RetryPolicy().wait_s(waits)
        log.warning("waiting for a dependency", source=self.name, detail=str(error), retry_in_s=round(wait_s, 1))
        return wait_s


def run_sources(sources: Sequence[Source], progress: Progress, stop: threading.Event) -> None:
    """Runs each source in a thread of its own until `stop` is set and the scenes in hand are done."""
    with ThreadPoolExecutor(max_workers=len(sources) + 1, thread_name_prefix="source") as threads:
        for source in sources:
            threads.submit(source.run, stop)
        while not stop.wait(1.0):
            progress.beat()
