"""Prints each webhook request in one line, and refuses Railwatch's own requests if the signature is wrong."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from railwatch.services.alerting.delivery.signature import verify


class Receiver(BaseHTTPRequestHandler):
    """Accepts every POST. Railwatch's own requests need a valid signature."""

    def do_POST(self) -> None:
        """Print the request and answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = dict(self.headers.items())
        taken = "webhook-signature" not in self.headers or verify(os.environ["WEBHOOK_SECRET"], body, headers)
        print(f"{self.path}: {in_one_line(json.loads(body)) if taken else 'the signature is wrong'}", flush=True)  # noqa: T201
        self.send_response(204 if taken else 401)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write no access log."""


def in_one_line(body: dict[str, Any]) -> str:
    """The body of a webhook in one line: Railwatch's own CloudEvent, or Alertmanager's form."""
    if "specversion" in body:
        return f"{body['data']['transition']}: {body['data']['sentence']}"
    alerts = [f"{alert['labels']['alertname']}: {alert['annotations'].get('summary', '')}" for alert in body["alerts"]]
    return f"{body['status']}: {'; '.join(alerts)}"


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8090), Receiver).serve_forever()
