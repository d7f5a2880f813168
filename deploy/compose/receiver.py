"""Shows what webhooks are sent, one line a request, and whether Railwatch's signature holds."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from railwatch.services.alerting.delivery.signature import HEADER, verify


class Receiver(BaseHTTPRequestHandler):
    """Takes every POST, but Railwatch's only if it is signed."""

    def do_POST(self) -> None:
        """Print the request and answer whether it was taken."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = self.headers.get(HEADER)
        taken = signature is None or verify(os.environ["WEBHOOK_SECRET"], body, signature, time.time())
        print(f"{self.path}: {told(json.loads(body)) if taken else 'the signature is wrong'}", flush=True)  # noqa: T201
        self.send_response(204 if taken else 401)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing of the request itself."""


def told(body: dict[str, Any]) -> str:
    """A webhook in a line: Railwatch's own CloudEvent, or Alertmanager's."""
    if "specversion" in body:
        return f"{body['data']['transition']}: {body['data']['sentence']}"
    alerts = [f"{alert['labels']['alertname']}: {alert['annotations'].get('summary', '')}" for alert in body["alerts"]]
    return f"{body['status']}: {'; '.join(alerts)}"


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8090), Receiver).serve_forever()
