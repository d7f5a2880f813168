"""What a person decides about a baseline: to set another one, to make one anew, or to forget it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.baselines import baseline_of
from railwatch.services.detector.composites.looks import LEAST_COVERAGE, LEAST_SUN_DEG, sun_over_cell
from railwatch.services.detector.composites.measure import coverage
from railwatch.services.detector.renewal import Decision, Renewals
from railwatch.shared.counts import BaselineRef
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import BaselineChange, BaselineEvent, TileEvent
from railwatch.shared.sites import Cell, Site


@dataclass(frozen=True)
class Baseline:
    """The baseline of one cell, and how it is changed.

    Attributes:
        renewals: of the baselines.
        site: its site.
        cell: its cell.
        answering: reads and calculates in this process: a person waits for it.
    """

    renewals: Renewals
    site: Site
    cell: Cell
    answering: Answering

    @property
    def version(self) -> int:
        """The current version; 0 if there was never a baseline."""
        return max(self.renewals.baselines.versions(self.site.id, self.cell.id), default=0)

    def of_version(self, version: int | None = None) -> BaselineRef:
        """A baseline by its version, or the current one.

        Raises:
            UnprocessableError: `unknown-baseline`.
        """
        version = self.version if version is None else version
        found = self.renewals.baselines.versions(self.site.id, self.cell.id).get(version)
        if found is None:
            where = f"{self.site.id}/{self.cell.id}"
            raise UnprocessableError("unknown-baseline", f"There is no picture of version {version} at {where}.")
        return found

    def go_back(self, version: int, decision: Decision) -> BaselineEvent:
        """Makes the picture of an earlier version the current baseline, as a version of its own.

        Raises:
            UnprocessableError: `unknown-baseline`, or `changed-meanwhile`.
        """
        earlier = self.of_version(version)
        chosen = earlier.model_copy(update={"version": self.version + 1, "origin": "operator"})
        return self._changed(BaselineChange.SET, chosen, decision)

    def take(self, look: TileEvent, decision: Decision) -> BaselineEvent:
        """Makes a look the current baseline, good or not; see `doubts`.

        Raises:
            UnprocessableError: `unusable-baseline`, or `changed-meanwhile`.
            TransientError: the object store or Redis is away.
        """
        self.answering.check(look.image)
        return self._changed(BaselineChange.SET, baseline_of(look, self.version + 1, "operator"), decision)

    def doubts(self, look: TileEvent) -> tuple[str, ...]:
        """What a look lacks to become a baseline by itself, each a sentence. A person may know better."""
        shown = coverage(self.answering.read(look.image), self.site.tracks, self.cell)
        sun = sun_over_cell(self.cell, look.observed_at).elevation_deg
        doubts = []
        if shown < LEAST_COVERAGE:
            doubts.append(f"It shows {shown:.0%} of the cell's track. The rest will be counted without a baseline.")
        if sun < LEAST_SUN_DEG:
            doubts.append(f"The sun stood at {sun:.0f} degrees. Long shadows are part of this baseline.")
        return tuple(doubts)

    def make_anew(self, decision: Decision) -> BaselineEvent:
        """Makes a composite of the kept looks the current baseline, better or not.

        Raises:
            UnprocessableError: `no-composite`: there is no baseline, or too few looks fit each other.
        """
        event = self.renewals.renew(self.site, self.cell, self.answering, decision)
        if event is None or event.change is BaselineChange.KEPT:
            kept = len(self.renewals.kept.of(self.site.id, self.cell.id))
            problem = f"There is no baseline, or too few of {kept} good looks fit each other; the baseline stays."
            raise UnprocessableError("no-composite", problem)
        return event

    def forget(self, decision: Decision) -> BaselineEvent:
        """From now on there is no baseline, and the looks that were kept are forgotten, until the next good look.

        Raises:
            UnprocessableError: `unknown-baseline`, or `changed-meanwhile`.
        """
        self.of_version()
        event = self._changed(BaselineChange.FORGOTTEN, None, decision)
        self.renewals.kept.restore(self.site.id, self.cell.id, ())
        return event

    def _changed(self, change: BaselineChange, baseline: BaselineRef | None, decision: Decision) -> BaselineEvent:
        event = BaselineEvent(
            recorded_at=datetime.now(UTC),
            site=self.site.id,
            tile=self.cell.id,
            change=change,
            version=baseline.version if baseline else self.version + 1,
            baseline=baseline,
            by=decision.by,
            why=decision.why,
        )
        if not self.renewals.baselines.change(event):
            raise UnprocessableError("changed-meanwhile", "The baseline has changed meanwhile; look again.")
        self.renewals.outdated.note(self.site.id, self.cell.id, outdated=False)
        return event
