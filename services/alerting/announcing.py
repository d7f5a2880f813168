"""Publishing what is announced of a site: in the order in which it was decided, whoever decided it.

A count, a person, the clock or a rebuild brings an event about. It enters the site's outbox in the transaction that
decides it and numbers it, and leaves it when Kafka has acknowledged it. Whoever publishes takes the outbox from its
beginning. So an event is never published before those that have a lower number. If the process is killed in between,
the events come again, with the same ids.
"""

import time

import structlog

from railwatch.services.alerting.state.store import Store
from railwatch.shared.bus import Publisher
from railwatch.shared.errors import NotPublishedError, UnprocessableError
from railwatch.shared.events import AlertEvent, Event

# How long to wait until another thread or process has published what waits of a site. It normally takes milliseconds.
AWAIT_TURN_S = 2.0
ASK_AGAIN_S = 0.02

log = structlog.get_logger(__name__)


class Announcer:
    """Publishes the outboxes of sites. Threads may share it."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store, self._publisher = store, publisher

    def publish(self, site: str, patience_s: float = AWAIT_TURN_S) -> None:
        """Publish what waits of a site, and return when the broker has acknowledged it.

        Args:
            site: id of the site.
            patience_s: how long to wait while another thread or process publishes, in seconds.

        Raises:
            NotPublishedError: the broker did not acknowledge all of it, or another process is at it.
            DependencyAwayError: Redis does not answer.
        """
        give_up = time.monotonic() + patience_s
        while self._store.outbox(site):
            turn = self._store.turn_to_publish(site)
            if turn.take():
                try:
                    self._publish_all(site)
                finally:
                    turn.release()
            elif time.monotonic() < give_up:
                time.sleep(ASK_AGAIN_S)
            else:
                raise NotPublishedError(f"Another process publishes what was decided about {site}.")

    def publish_waiting(self) -> None:
        """Publish what waits of all sites, except where somebody is at it."""
        for site in self._store.unpublished_sites():
            try:
                self.publish(site, patience_s=0.0)
            except NotPublishedError as error:
                log.warning("not published; trying again soon", site=site, error=str(error))

    def _publish_all(self, site: str) -> None:
        events = self._store.outbox(site)
        try:
            self._publisher.publish(*events)
        except UnprocessableError:  # the broker takes only shorter ones
            self._publisher.publish(*map(_shortened, events))
        self._store.published(site, events)


def _shortened(event: Event) -> Event:
    """An event without the pictures and the looks before: they are on its page."""
    return event.model_copy(update={"evidence": (), "history": ()}) if isinstance(event, AlertEvent) else event
