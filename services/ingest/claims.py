"""What was already taken, kept in Redis: so that the same scene publishes once, over restarts and replicas.

A claim is set only after the broker acknowledged the events. Whoever dies in between publishes the same events again,
under the same content-derived ids, which changes nothing. So does a scene that two replicas take at the same moment.
"""

from datetime import timedelta

import redis

from railwatch.shared.state import key, redis_errors

KEPT_FOR = timedelta(days=90)
"""Long enough for a provider's late repeats; a scene pushed again later publishes the same ids again."""


class Claims:
    """Ids derived from content, each with a note of what came of it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def get(self, claim: str) -> str | None:
        """The note of a claim, or null.

        Raises:
            TransientError: Redis does not answer.
        """
        with redis_errors():
            note = self._client.get(key("ingest", "claim", claim))
        return None if note is None else str(note)

    def put(self, claim: str, note: str) -> None:
        """Remember a claim.

        Raises:
            TransientError: Redis does not answer.
        """
        with redis_errors():
            self._client.set(key("ingest", "claim", claim), note, ex=KEPT_FOR)
