"""Which scenes were taken, kept in Redis: the same scene publishes once, over restarts and replicas.

A claim is set only after the broker has acknowledged the events. If ingest dies in between, or if two replicas take a
scene at the same moment, the same events are published again under the same ids. This changes nothing.
"""

from datetime import timedelta

import redis

from railwatch.shared.state import key, redis_errors

# Long enough for a provider's late repeats. A scene that comes again after this time publishes the same ids again.
KEPT_FOR = timedelta(days=90)


class Claims:
    """Ids that are derived from content, each with a note on its outcome."""

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

    def put(self, claim: str, note: str, kept_for: timedelta = KEPT_FOR) -> None:
        """Keeps a claim for some time.

        Raises:
            TransientError: Redis does not answer.
        """
        with redis_errors():
            self._client.set(key("ingest", "claim", claim), note, ex=kept_for)
