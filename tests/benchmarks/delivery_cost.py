"""What a delivery to a webhook costs: processor time of alerting, with Redis and a receiver in processes of their own.

    python -m tests.benchmarks.delivery_cost

The receiver keeps its connections open. The event has no pictures and no looks before, like that of the tests. Beside
it stand bare requests of httpx with the same body over one connection, in turn with the deliveries.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median

import httpx
from pydantic import SecretStr

from railwatch.embedded import embedded_redis
from railwatch.services.alerting.delivery.deliver import Delivery
from railwatch.services.alerting.delivery.formats import cloudevent
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.alerting.delivery.receivers import webhook
from railwatch.services.alerting.state.store import Store
from railwatch.shared.events import Notice
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event

ROUNDS, DELIVERIES = 5, 200

RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own: its address."""
    with subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.terminate()


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def main() -> None:
    """Print the processor time of the first delivery and of a later one."""
    with embedded_redis() as environment, receiver() as url:
        client = connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"]))
        desk = webhook(Poster(), "desk", url, SecretStr("a secret of the desk"), "cloudevents", 5.0, now)
        delivery = Delivery(desk, client, Store(client), timedelta(hours=6), now, Notice)

        def cost_ms(first: int, number: int) -> float:
            events = [alert_event(alert=f"{first + one:032x}", recorded_at=now()) for one in range(number)]
            began = time.process_time()
            for event in events:
                delivery.handle(event)
            return (time.process_time() - began) / number * 1000

        print(f"the first delivery: {cost_ms(0, 1):.1f} ms of processor")
        body = json.dumps(cloudevent(alert_event(alert=f"{0:032x}", recorded_at=now())))

        def bare_ms() -> float:
            began = time.process_time()
            for _ in range(DELIVERIES):
                plain.post(url, content=body)
            return (time.process_time() - began) / DELIVERIES * 1000

        with httpx.Client() as plain:
            turns = [(cost_ms(1 + turn * DELIVERIES, DELIVERIES), bare_ms()) for turn in range(ROUNDS)]
        for name, values in zip(("a later one", "a bare request"), zip(*turns, strict=True), strict=True):
            print(
                f"{name}: {median(values):.2f} ms (median of {ROUNDS} rounds of {DELIVERIES}, least {min(values):.2f})"
            )


if __name__ == "__main__":
    main()
