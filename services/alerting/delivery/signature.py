"""The signature of a webhook: HMAC-SHA256 over the time of sending and the body.

`Railwatch-Signature: t=1696518000,v1=<hex>`, where `t` is seconds since 1970 and `v1` the HMAC-SHA256, keyed with the
receiver's secret, of `t`, a full stop and the body. The time is signed too, so that an old request cannot be replayed.
"""

import hashlib
import hmac
import re

HEADER = "Railwatch-Signature"
# A signature older or newer than this is refused.
TOLERANCE_S = 300.0

_FORM = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, body: bytes, at_s: float) -> str:
    """The header's value for a body sent at a time (seconds since 1970)."""
    return f"t={int(at_s)},v1={_digest(secret, body, int(at_s))}"


def verify(secret: str, body: bytes, header: str, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether the header's value was made with the secret for this very body, not long ago."""
    form = _FORM.fullmatch(header)
    if form is None or abs(now_s - int(form[1])) > tolerance_s:
        return False
    return hmac.compare_digest(form[2], _digest(secret, body, int(form[1])))


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
