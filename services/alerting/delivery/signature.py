"""Signatures of webhooks by the Standard Webhooks specification, https://www.standardwebhooks.com.

Three headers travel with the body: `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`. The
signature is `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`. The time is signed too, so an old
request cannot be sent again.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError

from railwatch.services.alerting.settings import BASE64_PREFIX

# Deprecated: sent beside the standard headers for one release.
OLD_SIGNATURE_HEADER = "Railwatch-Signature"
OLD_ID_HEADER = "Railwatch-Event-Id"


def signed_headers(secret: str, event_id: str, body: str, at: datetime) -> dict[str, str]:
    """The headers that sign a body.

    Args:
        secret: the receiver's secret.
        event_id: id of the event, the same at every attempt.
        body: what is sent.
        at: the time of sending, in UTC.
    """
    seconds = int(at.timestamp())
    old = hmac.new(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": _webhook(secret).sign(event_id, at, body),
        OLD_ID_HEADER: event_id,
        OLD_SIGNATURE_HEADER: f"t={seconds},v1={old}",
    }


def verify(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether the headers were made with the secret for this very body, in the last five minutes."""
    try:
        _webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def _webhook(secret: str) -> Webhook:
    return Webhook(secret if secret.startswith(BASE64_PREFIX) else secret.encode())
