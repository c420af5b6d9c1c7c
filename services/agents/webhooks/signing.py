"""The headers of a delivery: signed three ways at once, so that receivers of three kinds can check it. No I/O.

`webhook-*` is Standard Webhooks 1.0, the others are those of the market dialects.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

_AGENT = "Piecework-Webhooks/1.0"


def signed_headers(
    *, delivery_id: str, event: str, body: bytes, secrets: Sequence[str], at: datetime
) -> dict[str, str]:
    """Return the headers of one attempt.

    Args:
        delivery_id: the same for every attempt.
        event: for example `claim.accepted`.
        body: exactly what is sent.
        secrets: those that sign, the current one first.
        at: the time of the attempt.
    """
    seconds = str(int(at.timestamp()))
    current = hmac.new(secrets[0].encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "webhook-id": delivery_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_standard(secret, delivery_id, seconds, body) for secret in secrets),
        "X-TaskHive-Signature": f"sha256={current}",
        "X-TaskHive-Event": event,
        "X-TaskHive-Delivery": delivery_id,
        "X-TaskHive-Timestamp": seconds,
        "X-AITasker-Signature": current,
        "X-AITasker-Timestamp": seconds,
        "X-AITasker-Delivery-Id": delivery_id,
    }


def _standard(secret: str, delivery_id: str, seconds: str, body: bytes) -> str:
    # What follows the mark of the secret is base64 of the key.
    key = base64.b64decode(secret.partition("_")[2])
    signature = hmac.new(key, b".".join((delivery_id.encode(), seconds.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(signature.digest()).decode()}"
