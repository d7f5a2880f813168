"""Feeds Railwatch with bad inputs: `python -m tests.fuzz [--inputs N] [--seed N] [PIECE...]`.

Each piece runs in a process of its own, with a limit on its memory and on the processor's time of each input. An input
that breaks the property is kept below `.cache/fuzz/`, and so is the one at which a process ended.
"""

import argparse
import collections
import faulthandler
import hashlib
import os
import pickle
import resource
import secrets
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from railwatch.embedded import embedded_redis
from tests.fuzz.doors import room
from tests.fuzz.pieces import PIECES
from tests.fuzz.routes import REDIS

# Seconds of the processor that one input may take. A process that is not done by then is ended.
DEADLINE_S = 60
# Memory that a process may have beyond what it has when it begins.
MEMORY_BYTES = 1536 * 1024**2
KEPT = Path(".cache/fuzz")
WRONG = "WRONG"


def main() -> None:
    """Runs the pieces one after the other; ends with 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help=f"all by default: {', '.join(PIECES)}")
    parser.add_argument("--inputs", type=int, default=5000, help="inputs of all pieces together (default 5000)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    asked = parser.parse_args()
    unknown = set(asked.pieces) - set(PIECES)
    if unknown:
        parser.error(f"there is no piece {', '.join(sorted(unknown))}")
    print(f"seed {asked.seed}", flush=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    with embedded_redis() as redis:
        os.environ[REDIS] = redis[REDIS]
        good = [alone(name, inputs_of(name, asked.inputs), asked.seed) for name in asked.pieces or PIECES]
    sys.exit(0 if all(good) else 1)


def inputs_of(name: str, inputs: int) -> int:
    """A piece's share of the inputs of a run, rounded up."""
    return -(-inputs * PIECES[name].share // sum(piece.share for piece in PIECES.values()))


def alone(name: str, inputs: int, number: int) -> bool:
    """Runs a piece in a process of its own; says whether all was well."""
    process = os.fork()
    if process == 0:
        try:
            os._exit(0 if run(name, inputs, number) else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) > 1:
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an error"
        print(f"{name}: ended by {how}; the input is {_last(name)}", flush=True)
    return status == 0


def run(name: str, inputs: int, number: int) -> bool:
    """Checks the property of one piece on so many inputs, and prints what came of them."""
    piece = PIECES[name]
    outcomes: collections.Counter[str] = collections.Counter()
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as directory, room(Path(directory)) as at:
        confine()

        @seed(number)
        @settings(
            max_examples=inputs,
            deadline=None,
            database=None,
            verbosity=Verbosity.quiet,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(piece.inputs)
        def check(value: object) -> None:
            nonlocal slowest_s
            _last(name).write_bytes(_kept(value))
            at.forget()
            signal.setitimer(signal.ITIMER_PROF, DEADLINE_S)
            began = time.process_time()
            try:
                outcomes[piece.check(at, value)] += 1
            except Exception as error:
                keep(name, value, error)
                outcomes[WRONG] += 1
            slowest_s = max(slowest_s, time.process_time() - began)
            signal.setitimer(signal.ITIMER_PROF, 0)

        check()
    _last(name).unlink()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"{name}: {outcomes.total()} inputs, slowest {slowest_s:.1f} s, peak {peak_mb:.0f} MB: {told}", flush=True)
    return not outcomes[WRONG]


def confine() -> None:
    """Limits the memory. A deadline that passes ends the process by SIGPROF."""
    faulthandler.enable()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def keep(name: str, value: object, error: Exception) -> None:
    """Prints the first fault of each kind, and keeps its input."""
    where = [frame for frame in traceback.extract_tb(error.__traceback__) if "/railwatch/" in frame.filename]
    kind = f"{type(error).__name__} at {Path(where[-1].filename).name}:{where[-1].lineno}" if where else str(error)[:60]
    path = KEPT / f"{name}-{hashlib.sha256(kind.encode()).hexdigest()[:8]}.input"
    if not path.exists():
        path.write_bytes(_kept(value))
        print(f"{name}: {kind}: {str(error)[:300]}; the input is {path}", flush=True)


def _kept(value: object) -> bytes:
    """An input as it is kept; a request of schemathesis as the words for it."""
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, TypeError, AttributeError):
        return repr(value).encode("utf-8", "backslashreplace")


def _last(name: str) -> Path:
    return KEPT / f"{name}-last.input"


if __name__ == "__main__":
    main()
