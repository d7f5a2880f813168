"""What became of the scenes that `railwatch backfill` brought: whether they are judged, and how."""

import time
from collections.abc import Callable, Sequence

from railwatch.cli.terminal import complain
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.records import SceneRecord
from railwatch.services.alerting.state.store import Store


class Watch:
    """Watches scenes of one site until they are judged.

    Attributes:
        waiting: the tiles of scenes that are not judged yet, by scene, in the order in which they were brought.
        looks: the judgements of scenes that were brought, as they were last seen, by the scene of the look.
        tell: called after each change.
    """

    def __init__(self, store: Store, site: str) -> None:
        self._store = store
        self._site = site
        self._brought: set[str] = set()
        self._changed_at = time.monotonic()
        self.waiting: dict[str, Sequence[str]] = {}
        self.looks: dict[str, Judgement] = {}
        self.tell: Callable[[], None] = lambda: None

    def add(self, scene: str, tiles: Sequence[str]) -> None:
        """Watch one more scene."""
        self._brought.add(scene)
        self.waiting[scene] = tiles
        self._changed_at = time.monotonic()

    def refresh(self) -> None:
        """See what alerting has judged.

        Raises:
            TransientError: Redis does not answer.
        """
        done = [scene for scene, tiles in self.waiting.items() if self._is_judged(scene, tiles)]
        for scene in done:
            del self.waiting[scene]
        if done:
            self._changed_at = time.monotonic()
        for look in self._store.record(self._site).history.judgements:
            if not self._brought.isdisjoint(look.scenes):
                self.looks[look.scene] = look
        self.tell()

    def wait(self, fewer_than: int, patience_s: float, ask_every_s: float) -> None:
        """Wait until fewer scenes than this wait for their judgement, or until nothing has changed for some time.

        Those that are never counted are dead letters of the detector or of alerting. They hold up nothing for long.
        """
        while len(self.waiting) >= fewer_than:
            self.refresh()
            if time.monotonic() - self._changed_at > patience_s:
                complain(
                    f"Nothing was judged for {patience_s:.0f} s. No longer waiting for {', '.join(self.waiting)}: do "
                    "the services run? `railwatch dead-letters list` names what they refused."
                )
                self.waiting.clear()
            elif len(self.waiting) >= fewer_than:
                time.sleep(ask_every_s)

    def _is_judged(self, scene: str, tiles: Sequence[str]) -> bool:
        known: SceneRecord | None = self._store.transact(self._site, lambda transaction: transaction.scene(scene))
        return known is not None and known.due_at is None and all(tile in known.readings for tile in tiles)
