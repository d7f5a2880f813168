"""`make bench-alerts`: how far alerts can be trusted, beside rules in use and one that knows the truth.

The data are simulated; see `alert_series.py`. Seeds below 500,000 are for work on the rule, those above for its table.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import dropwhile
from unittest.mock import patch

import numpy as np

from railwatch.services.alerting.rule import judgement
from railwatch.services.alerting.rule.backtest import alarm
from railwatch.services.alerting.rule.judgement import Judgement, Rule, State
from railwatch.services.alerting.rule.series import judge_series
from railwatch.shared.events import Look
from tests.benchmarks.alert_peers import Flags, ears_c2, farrington, median_mad, oracle, rolling_mean
from tests.benchmarks.alert_series import FAMILIES, WARM_UP, Series, draw, simulate

RATES = (0.01, 0.005, 0.002)
PEERS: dict[str, Callable[[Series], Flags]] = {
    "rolling mean + 2 sd": rolling_mean,
    "EARS C2": ears_c2,
    "median + 3 MAD": median_mad,
    "Farrington 1996, 1 %": farrington,
    "true mean and variance known, 1 %": oracle,
}
OURS = "Railwatch, 1 %"
WITH_CUSUM = "Railwatch with its CUSUM, 1 %"
START = datetime(2020, 1, 1, tzinfo=UTC)
# Height in standard deviations, and how many weekly looks it takes.
SLOW_RISES = ((3, 20), (2, 20), (3, 40))


@dataclass(frozen=True)
class Outcome:
    """What one rule made of one series."""

    quiet: int
    false_alarms: int
    large: bool
    delay: int | None


@dataclass(frozen=True)
class Report:
    """What came of one series: by rule, by nominal rate, of the onset (within a look; covered; width), and the time."""

    outcomes: dict[str, Outcome]
    exceeding: dict[float, int]
    in_alert: int
    onset: tuple[bool, bool, float] | None
    cpu_ms: float


def looks_of(series: Series) -> list[Look]:
    """The series as looks that saw the whole track, counted without error."""
    return [
        Look(observed_at=START + timedelta(days=float(day)), count=float(count), low=None, high=None, coverage=1.0)
        for day, count in zip(series.days, series.counts, strict=True)
    ]


def measure(family: str, seed: int) -> Report:
    """Run every rule over one simulated series."""
    series = simulate(family, seed)
    outcomes = {name: outcome(series, rule(series)) for name, rule in PEERS.items()}
    looks = looks_of(series)
    started = time.process_time()
    judgements = judge_series(looks, Rule())
    cpu_ms = (time.process_time() - started) * 1000 / len(looks)
    outcomes[OURS] = outcome(series, np.array([judged.exceeds for judged in judgements]))
    outcomes[WITH_CUSUM] = outcome(series, np.array([alarm(judged) for judged in judgements]))
    p_values = np.array([1.0 if judged.p_value is None else judged.p_value for judged in judgements])[series.quiet]
    return Report(
        outcomes=outcomes,
        exceeding={rate: int(np.sum(p_values < rate)) for rate in RATES},
        in_alert=sum(judgements[place].state is State.ALERT for place in np.flatnonzero(series.quiet)),
        onset=onset_of(series, judgements),
        cpu_ms=cpu_ms,
    )


def outcome(series: Series, flags: Flags) -> Outcome:
    """Compare what a rule flagged with the truth."""
    hits = np.flatnonzero(flags[series.start : series.stop])
    return Outcome(
        quiet=int(series.quiet.sum()),
        false_alarms=int(np.sum(flags & series.quiet)),
        large=series.size_sd >= 5,
        delay=int(hits[0]) if len(hits) else None,
    )


def onset_of(series: Series, judgements: Sequence[Judgement]) -> tuple[bool, bool, float] | None:
    """Of rises of 5 sd and more that opened an alert: the last onset, against the outbreak's first look."""
    onsets = [judged.onset for judged in judgements[series.start : series.stop] if judged.onset]
    if series.size_sd < 5 or not onsets:
        return None
    times = [judged.observed_at for judged in judgements]
    before, truth, after = (times[series.start + step] for step in (-2, 0, 1))
    return (
        before <= onsets[-1].at <= after,
        onsets[-1].low <= truth <= onsets[-1].high,
        (onsets[-1].high - onsets[-1].low).days,
    )


def print_rules(reports: Sequence[Report]) -> None:
    """Print the table of rules."""
    print("| | false-alarm rate per quiet look | outbreaks found | of those >= 5 sd | mean delay (looks) |")
    print("| --- | --- | --- | --- | --- |")
    for name in reports[0].outcomes:
        outcomes = [report.outcomes[name] for report in reports]
        rate = sum(o.false_alarms for o in outcomes) / sum(o.quiet for o in outcomes)
        large = [o for o in outcomes if o.large]
        delays = [o.delay for o in outcomes if o.delay is not None]
        found, found_large = len(delays) / len(outcomes), sum(o.delay is not None for o in large) / len(large)
        print(f"| {name} | {rate:.2%} | {found:.1%} | {found_large:.1%} | {np.mean(delays):.2f} |")


def print_calibration(reports: Sequence[Report]) -> None:
    """Print how often quiet looks exceed at each nominal rate."""
    quiet = sum(report.outcomes[OURS].quiet for report in reports)
    print("\n| nominal rate | measured | ratio | standard error of the ratio |\n| --- | --- | --- | --- |")
    for rate in RATES:
        exceeding = sum(report.exceeding[rate] for report in reports)
        per_series = np.array([report.exceeding[rate] for report in reports])
        error = per_series.std() * np.sqrt(len(reports)) / quiet / rate
        print(f"| {rate:.1%} | {exceeding / quiet:.2%} | {exceeding / quiet / rate:.2f} | {error:.2f} |")
    in_alert = sum(report.in_alert for report in reports)
    print(f"\nQuiet looks at which an alert stands, its waiting to end included: {in_alert / quiet:.2%} of {quiet}.")


def print_onset(reports: Sequence[Report]) -> None:
    """Print how right the onset is."""
    onsets = [report.onset for report in reports if report.onset]
    within, covered, days = (np.mean([onset[part] for onset in onsets]) for part in range(3))
    print(
        f"Onset of {len(onsets)} rises >= 5 sd: within one look {within:.1%}, interval covers the truth {covered:.1%}, "
        f"mean width {days:.0f} days."
    )


def print_rises(seeds: Sequence[int]) -> None:
    """Print what becomes of rises that are slow, and of surges that last a year."""
    print(f"\nSlow rises, {len(seeds)} of each:\n")
    print("| rise | mean and variance known | threshold alone | beside the CUSUM | both | CUSUM first | look |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size_sd, lasts in SLOW_RISES:
        knowing, alone, beside, both, earlier, places = 0, 0, 0, 0, 0, []
        for seed in seeds:
            rng, mean, dispersion = _yard(seed)
            rise = np.linspace(0, size_sd * np.sqrt(mean * dispersion), lasts)
            counts = draw(rng, mean + np.concatenate((np.zeros(40), rise)), dispersion)
            days, means = np.arange(40.0 + lasts) * 7, np.full(40 + lasts, mean)
            knowing += bool(oracle(Series(days, counts, means, dispersion, 40, 40 + lasts, size_sd))[40:].any())
            with patch.object(judgement, "SUSPICION", np.inf):
                alone += any(judged.exceeds for judged in _replayed(counts)[40:])
            judgements = _replayed(counts)[40:]
            exceeds = [place for place, judged in enumerate(judgements) if judged.exceeds]
            alarms = [place for place, judged in enumerate(judgements) if alarm(judged)]
            beside, both = beside + bool(exceeds), both + bool(alarms)
            earlier += bool(alarms) and alarms[0] not in exceeds
            places += alarms[:1]
        found = f"{knowing} | {alone} | {beside} | {both} | {earlier} | {np.median(places) + 1:.0f} of {lasts}"
        print(f"| to {size_sd} sd over {lasts} weekly looks | {found} |")
    held = 0
    for seed in seeds:
        rng, mean, dispersion = _yard(seed)
        surge = np.concatenate((np.zeros(40), np.full(52, 6 * np.sqrt(mean * dispersion))))
        judgements = _replayed(draw(rng, mean + surge, dispersion))[40:]
        in_alert = list(dropwhile(lambda judged: judged.opened_at is None, judgements))
        held += len({judged.opened_at for judged in in_alert}) == 1
    print(f"\nSurges of 6 sd for a year of weekly looks: {held} of {len(seeds)} keep the alert that they opened.")


def _yard(seed: int) -> tuple[np.random.Generator, float, float]:
    rng = np.random.default_rng([7, seed])
    return rng, float(np.exp(rng.uniform(np.log(3), np.log(40)))), rng.uniform(1, 5)


def _replayed(counts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[Judgement]:
    looks = [
        Look(observed_at=START + timedelta(weeks=week), count=float(count), low=None, high=None, coverage=1.0)
        for week, count in enumerate(counts)
    ]
    return judge_series(looks, Rule())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=300, help="series of each family")
    parser.add_argument("--first-seed", type=int, default=500_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.series)
    reports: dict[str, list[Report]] = {}
    with ProcessPoolExecutor(options.processes) as pool:
        for family in FAMILIES:
            reports[family] = list(pool.map(partial(measure, family), seeds, chunksize=8))
    everything = [report for family in reports.values() for report in family]
    print(f"Simulated: {options.series} series of each family, seeds from {options.first_seed}, warm-up {WARM_UP}.\n")
    print_rules(everything)
    print_calibration(everything)
    for family, some in reports.items():
        print(f"\nFamily `{family}`:\n")
        print_rules(some)
    print()
    print_onset(everything)
    print_rises(seeds[:100])
    print(f"Processor time per judged look: mean {np.mean([report.cpu_ms for report in everything]):.2f} ms.")


if __name__ == "__main__":
    main()
