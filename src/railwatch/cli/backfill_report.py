"""What `railwatch backfill` prints at its end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

import redis
from rich.console import Console

from railwatch.cli.backfill_watch import Watch
from railwatch.cli.terminal import printable
from railwatch.services.alerting.history.lifecycle import newest_judged
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.services.alerting.state.store import Store
from railwatch.services.detector.baselines import Baselines
from railwatch.services.ingest.backfill import Brought
from railwatch.shared.events import Transition
from railwatch.shared.sites import Site

# Refused scenes that are named.
MOST_NAMED = 10


def report(
    console: Console, site: Site, brought: Sequence[Brought], watch: Watch, client: redis.Redis, took_s: float
) -> None:
    """Print what was brought and seen, the threshold, the alerts of the past, and the baseline."""
    looks = sorted(watch.looks.values(), key=lambda look: look.observed_at)
    for name, lines in (
        ("scenes", _scenes(brought, took_s)),
        ("seen", _seen(looks)),
        ("threshold", _threshold(Store(client).record(site.id).history.judgements)),
        ("alerts", _alerts(looks)),
        ("baseline", _baselines(site, Baselines(client))),
    ):
        for number, line in enumerate(lines):
            head = "" if number else name
            console.print(f"{head:<10} {printable(line)}", markup=False, highlight=False, soft_wrap=True)


def _scenes(brought: Sequence[Brought], took_s: float) -> Iterator[str]:
    new = [one for one in brought if not one.before]
    outcomes = Counter(one.outcome for one in new)
    known = len(brought) - len(new)
    parts = [f"{number} {outcome}" for outcome, number in sorted(outcomes.items())]
    before = f"; {known} brought before" if known else ""
    yield f"{len(brought)} found in this time{before}; {', '.join(parts) or 'nothing new'}, in {took_s:.0f} s"
    refused = [one for one in brought if one.outcome not in ("published", "known", "elsewhere")]
    for one in refused[:MOST_NAMED]:
        yield f"refused: {one.subject}: {one.outcome}"
    if len(refused) > MOST_NAMED:
        yield f"and {len(refused) - MOST_NAMED} more: railwatch dead-letters list"


def _seen(looks: Sequence[Judgement]) -> Iterator[str]:
    counts = [look.count for look in looks if look.count is not None and look.state is not State.UNOBSERVED]
    if not looks:
        yield "no look"
        return
    span = f"{looks[0].observed_at:%Y-%m-%d} to {looks[-1].observed_at:%Y-%m-%d}"
    hidden = sum(look.state is State.UNOBSERVED for look in looks)
    yield f"{len(looks)} looks, {span}; on {hidden} of them too little of the track was seen"
    if counts:
        yield f"{min(counts):.0f} to {max(counts):.0f} cars, {median(counts):.0f} in the median"


def _threshold(judgements: Sequence[Judgement]) -> Iterator[str]:
    newest = newest_judged(judgements)
    if newest is None:
        yield "none: the site was never seen"
    elif newest.threshold is None or newest.expected is None:
        yield f"none yet: {len(judgements)} looks are too few"
    else:
        expected = f"{newest.expected:.1f} cars were expected"
        yield f"{newest.threshold:.1f} cars, as of the look of {newest.observed_at:%Y-%m-%d}: {expected}"


def _alerts(looks: Sequence[Judgement]) -> Iterator[str]:
    runs = [list(run) for at, run in groupby(looks, key=lambda look: look.opened_at) if at is not None]
    if not runs:
        yield "the past would have raised none"
    for run in runs:
        first, last = run[0], run[-1]
        most = max(run, key=lambda look: look.count or 0.0)
        end = f"to {last.observed_at:%Y-%m-%d}" if last.transition is Transition.RESOLVED else "and it stands"
        onset = next((look.onset for look in reversed(run) if look.onset), None)
        rise = f"; the rise began about {onset.at:%Y-%m-%d}" if onset else ""
        count = f"{most.count or 0.0:.0f} cars ({most.low or 0.0:.0f} to {most.high or 0.0:.0f})"
        limit = f", threshold {first.threshold:.0f}" if first.threshold is not None else ""
        yield f"one from {first.observed_at:%Y-%m-%d} {end}: up to {count}{limit}{rise}. Nobody was notified"


def _baselines(site: Site, baselines: Baselines) -> Iterator[str]:
    for cell in site.cells():
        versions = [(version, ref) for version, ref in baselines.versions(site.id, cell.id).items() if ref is not None]
        if not versions:
            yield f"{cell.id}: none"
            continue
        version, ref = versions[-1]
        if not ref.looks:
            yield f"{cell.id}: version {version}, one look: {ref.scene} of {ref.observed_at:%Y-%m-%d} ({ref.origin})"
            continue
        yield f"{cell.id}: version {version}, composite of {len(ref.looks)} looks"
        for look in ref.looks:
            yield f"  {look.share:>4.0%} {look.observed_at:%Y-%m-%d} {look.scene}"
