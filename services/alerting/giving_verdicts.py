"""What people say about looks and alerts: each verdict is an event of its own, and no count is ever edited."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from railwatch.services.alerting import metrics
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.services.alerting.verdicts.corrected import standing
from railwatch.services.alerting.verdicts.wording import verdict_sentence
from railwatch.shared.errors import NotStandingError
from railwatch.shared.events import Admission, Found, Place, VerdictEvent, VerdictKind, WhyFalse
from railwatch.shared.events.acts import act_at_alerting
from railwatch.shared.sites import Site

# A verdict is at least so much later than each count that its site was judged by.
LATER = timedelta(microseconds=1)


@dataclass(frozen=True)
class About:
    """What a verdict is about.

    Attributes:
        site: the site.
        scenes: of a look, its own first; empty for an alert.
        alert: the alert; null for a look.
        observed_at: when the satellite saw it.
        found: what the detector had said of a look; null for an alert.
        page_url: its page.
    """

    site: Site
    scenes: Sequence[str]
    alert: str | None
    observed_at: datetime
    found: Found | None
    page_url: str

    def names(self, verdict: VerdictEvent) -> bool:
        """Whether a verdict is about this. A look is named by any of its scenes."""
        return verdict.alert == self.alert if self.alert else verdict.scene in self.scenes


@dataclass(frozen=True)
class Said:
    """What somebody says, and how they were let in; the other fields are those of `VerdictEvent`."""

    kind: VerdictKind
    by: str
    sender: str | None
    at: datetime
    places: tuple[Place, ...] = ()
    total: int | None = None
    reason: WhyFalse | None = None
    note: str = ""
    takes_back: str | None = None
    admission: Admission = Admission.TOKEN


def say(store: Store, about: About, said: Said) -> VerdictEvent:
    """Record a verdict. To say again what stands changes nothing, and gives the verdict that stands.

    Raises:
        NotStandingError: what should be taken back does not stand.
        TransientError: Redis does not answer.
    """
    verdict, new = store.transact(about.site.id, _saying(about, said))
    if new:
        metrics.VERDICTS.labels(verdict.kind.value).inc()
    return verdict


def _saying(about: About, said: Said) -> Callable[[Transaction], tuple[VerdictEvent, bool]]:
    def work(transaction: Transaction) -> tuple[VerdictEvent, bool]:
        of_it = [verdict for verdict in transaction.verdicts if about.names(verdict)]
        held = standing(of_it)
        back = next((one for one in held if one.id == said.takes_back), None)
        verdict = _verdict(about, said, 1 + len(of_it), _after(transaction, said.at), back.sentence if back else "")
        if said.kind is VerdictKind.TAKEN_BACK:
            again = next((one for one in of_it if one.takes_back == said.takes_back), None)
            if again:
                return again, False
            if back is None:
                raise NotStandingError(f"No verdict {said.takes_back} stands here.")
        same = next((one for one in held if one.said == verdict.said), None)
        if same:
            return same, False
        transaction.announce_verdict(verdict)
        transaction.record_act(act_at_alerting(verdict, said.admission))
        return verdict, True

    return work


def _after(transaction: Transaction, at: datetime) -> datetime:
    """The time of a verdict: after all counts of the history, whatever the clock of the detector says.

    They were judged without it, and must be again when the state is made anew.
    """
    counted = (look.counted_at for look in transaction.record.history.judgements)
    last = max((one for one in counted if one), default=None)
    return at if last is None else max(at, last + LATER)


def _verdict(about: About, said: Said, sequence: int, recorded_at: datetime, before: str) -> VerdictEvent:
    fields: dict[str, Any] = {name: getattr(said, name) for name in ("kind", "by", "total", "reason", "note")}
    return VerdictEvent(
        recorded_at=recorded_at,
        site=about.site.id,
        site_name=about.site.name,
        scene=None if about.alert else about.scenes[0],
        alert=about.alert,
        observed_at=about.observed_at,
        sequence=sequence,
        places=said.places,
        sender=said.sender,
        takes_back=said.takes_back,
        found=about.found,
        sentence=verdict_sentence(
            said.by,
            about.site.name,
            about.observed_at,
            said.kind,
            of_alert=about.alert is not None,
            total=said.total,
            reason=said.reason,
            note=said.note,
            before=before,
        ),
        page_url=about.page_url,
        **fields,
    )
