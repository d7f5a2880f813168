"""Processes that count, each with limits on its memory, its time and its open files. They may die over a tile.

A process is started once and answers one question after the other. If it dies, the next question gets a new one. It
reads blobs by itself, so that no pixels pass through the service. It knows neither Kafka nor Redis.
"""

import os
import pickle
import queue
import resource
import signal
import socket
import subprocess
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from railwatch.services.detector.composites.looks import Renewal
from railwatch.services.detector.work import Answer, Calculator, DiedError, GoesOn, KeptGround, Look, Question, always
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import DependencyAwayError, RailwatchError
from railwatch.shared.settings import PREFIX, BlobSettings

# Open files of a process: the object store's connections are most of them.
MAX_FILES = 128
# A process imports its libraries in 2 s on one idle core. This is for a machine that has much else to do.
START_LIMIT_S = 120.0
# One thread each: a process is for one core. It also makes sums the same on every machine.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# What a process says when it can begin.
READY = "ready"
# What it is told if it should give way with what it was asked, and how often that is thought of, in seconds.
GIVE_WAY = "give way"
WATCH_S = 0.05
# How long it may take to end after its connection closed, in seconds.
END_S = 10.0


@dataclass(frozen=True)
class Limits:
    """Of one process.

    Attributes:
        memory_bytes: of its own data, as `RLIMIT_DATA` counts them.
        time_s: wall time of one answer, in seconds.
        max_pixels: rows times columns that a picture may have.
    """

    memory_bytes: int
    time_s: float
    max_pixels: int


class Processes:
    """A calculator that asks processes. Threads may share it: each question gets one that is idle, or waits for one.

    Args:
        number: how many.
        blobs: where the pixels are.
        limits: of each.
    """

    def __init__(self, number: int, blobs: BlobSettings, limits: Limits) -> None:
        self._settings = blobs, limits
        self._idle: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(number):
            self._idle.put(None)
        self._could_start = True

    def count(self, look: Look) -> Answer:
        """As `Calculator`; also `DependencyAwayError`, if no process can be started: that is not the look's fault."""
        answer: Answer = self._ask(look)
        return answer

    def check(self, image: BlobRef) -> None:
        """As `Calculator`; also `DependencyAwayError`, if no process can be started."""
        self._ask(image)

    def renew(self, ground: KeptGround, goes_on: GoesOn = always) -> Renewal | None:
        """As `Calculator`; also `DependencyAwayError`, if no process can be started."""
        renewal: Renewal | None = self._ask(ground, goes_on)
        return renewal

    def start(self) -> None:
        """Starts one, so that the first look need not wait for it."""
        process = self._idle.get()
        try:
            process = process or _Process(*self._settings)
        except OSError:
            self._could_start = False
        finally:
            self._idle.put(process)

    def can_start(self) -> bool:
        """Whether a process could be started when it was last tried."""
        return self._could_start

    def stop(self) -> None:
        """Ends the processes that are idle. One that still works ends by itself, as nobody waits for it."""
        while not self._idle.empty():
            if process := self._idle.get():
                process.kill()

    def _ask(self, question: Question, goes_on: GoesOn = always) -> Any:
        process = self._idle.get()
        try:
            if process is None or not process.runs():
                process = None
                process = self._started()
            return process.ask(question, goes_on)
        except DiedError:
            process = None
            raise
        finally:
            self._idle.put(process)

    def _started(self) -> "_Process":
        try:
            process = _Process(*self._settings)
            self._could_start = process.becomes_ready()
        except OSError:
            self._could_start = False
        if not self._could_start:
            raise DependencyAwayError("A process that counts cannot be started; the log says why.")
        return process


class _Process:
    def __init__(self, blobs: BlobSettings, limits: Limits) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in a terminal is for the service, which ends it in its own time.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={**_environment(), **ONE_THREAD},
            )
        self._connection = Connection(ours.detach())
        self._connection.send((blobs, limits))
        self._time_s = limits.time_s
        self._ready = False

    def runs(self) -> bool:
        return self._process.poll() is None and (self._ready or self.becomes_ready())

    def becomes_ready(self) -> bool:
        try:
            self._ready = self._connection.poll(START_LIMIT_S) and self._connection.recv() == READY
        except (EOFError, OSError):
            self._ready = False
        if not self._ready:
            self.kill()
        return self._ready

    def ask(self, question: Question, goes_on: GoesOn) -> Any:
        try:
            self._connection.send(question)
            while not self._connection.poll(WATCH_S):
                if not goes_on():
                    self._connection.send(GIVE_WAY)
                    break
            result, error = self._connection.recv()
        except (EOFError, OSError):
            raise DiedError(self._how_it_died()) from None
        if isinstance(error, DiedError):
            self.kill()
        if error is not None:
            raise error
        return result

    def kill(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _how_it_died(self) -> str:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return "The process that counted it stopped to answer."
        self.kill()
        if code == -signal.SIGALRM:
            return f"It took longer than {self._time_s:g} s."
        if code < 0:
            return f"The process that counted it was ended by {signal.Signals(-code).name}."
        return f"The process that counted it ended with code {code}."


def _environment() -> dict[str, str]:
    """The service's own, without its settings: they hold the passwords of Kafka and of Redis."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def serve(connection: Connection) -> None:
    """What a process does: it answers one question after the other, until nobody asks any more."""
    blobs, limits = connection.recv()
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from railwatch.services.detector.answering import Answering  # here, so that the service does not import it

    answering = Answering(BlobStore.open(blobs).get, limits.max_pixels)
    connection.send(READY)
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        if question == GIVE_WAY:  # the answer was given before
            continue
        signal.setitimer(signal.ITIMER_REAL, limits.time_s)  # it ends the process, whatever that does
        reply = _reply(answering, question, limits, lambda: not connection.poll())
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.send_bytes(reply)


def _reply(answering: Calculator, question: Question, limits: Limits, goes_on: GoesOn) -> bytes:
    """What came of a question, pickled: a result, or an error."""
    try:
        if isinstance(question, Look):
            return pickle.dumps((answering.count(question), None))
        if isinstance(question, KeptGround):
            return pickle.dumps((answering.renew(question, goes_on), None))
        answering.check(question)
        return pickle.dumps((None, None))
    except MemoryError:
        return pickle.dumps((None, DiedError(f"It needed more than {limits.memory_bytes / 1e6:.0f} MB of memory.")))
    except RailwatchError as error:
        return pickle.dumps((None, error))
    except Exception as error:
        unexpected = RuntimeError(f"{type(error).__name__} in the process that counts")
        unexpected.add_note(traceback.format_exc())
        return pickle.dumps((None, unexpected))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
