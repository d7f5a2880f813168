"""`make bench-recalibration`: how often 90 % intervals hold the true count after 0, 3, 10 and 50 verdicts at a site.

`python -m tests.benchmarks.recalibration --out verdicts-recalibration.png` renders sites with the held-out renderer and
counts each look once. Then it draws, again and again, which looks people judge and in which order, recalibrates by
them, and asks of the other looks of the site how many intervals hold the truth. All figures are of rendered pictures.
The sites are also shifted: of the same counts, more or fewer cars are true. That tests the mechanism, not the pictures.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from railwatch.services.alerting.verdicts.recalibration import Lesson, learn
from tests.benchmarks.recalibration_sites import SITES, CountedLook, counted_looks

VERDICTS = (0, 3, 10, 50)
# How often it is drawn anew which looks people judge.
DRAWS = 200
# What is true beside what a count says, at sites that are shifted: cars more or fewer, and a share.
SHIFTS: dict[str, Callable[[float], float]] = {
    "three cars are always missed": lambda true: true + 3,
    "two cars are always false": lambda true: max(0.0, true - 2),
    "a quarter of all cars is missed": lambda true: 1.33 * true,
    "a fifth of all cars is false": lambda true: 0.8 * true,
}
Figures = dict[int, tuple[float, float]]


def main() -> None:
    """Counts, prints the tables, and draws the picture if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--looks", type=int, default=95, help="looks of each site (default: 95)")
    parser.add_argument("--jobs", type=int, default=2, help="processes that render and count")
    parser.add_argument("--cache", type=Path, default=Path("build/recalibration.jsonl"), help="where counts are kept")
    parser.add_argument("--out", type=Path, help="the picture")
    arguments = parser.parse_args()
    by_site: dict[str, list[Lesson]] = defaultdict(list)
    for look in counted_looks(arguments.looks, arguments.jobs, arguments.cache):
        by_site[look.site] += _lesson(look)
    rendered = {site: _figures(by_site[site]) for site in SITES}
    print(
        f"Rendered sites, {min(map(len, by_site.values()))} to {max(map(len, by_site.values()))} counted looks each.\n"
    )
    _print(rendered, "site")
    shifted = {}
    for name, shift in SHIFTS.items():
        moved = [[Lesson(o.count, o.low, o.high, round(shift(o.true))) for o in by_site[site]] for site in SITES]
        shifted[name] = _mean([_figures(some) for some in moved])
    print("\nThe same looks, with a truth that is shifted on purpose; means over all sites.\n")
    _print(shifted, "shift")
    if arguments.out:
        _draw(rendered, shifted, arguments.out)


def _lesson(look: CountedLook) -> list[Lesson]:
    if look.count is None or look.low is None or look.high is None:
        return []
    return [Lesson(look.count, look.low, look.high, look.true)]


def _figures(looks: Sequence[Lesson]) -> Figures:
    """By number of verdicts, the share of intervals that hold the truth, and their mean width in cars."""
    found: Figures = {}
    for verdicts in VERDICTS:
        held, width = [], []
        for draw in range(DRAWS):
            order = np.random.default_rng([draw, len(looks)]).permutation(len(looks))
            learned = learn([looks[n] for n in order[:verdicts]])
            for look in (looks[n] for n in order[max(VERDICTS) :]):
                low, high = look.low, look.high
                if learned:
                    interval = learned.interval(look.count, look.low, look.high)
                    low, high = interval.low, interval.high
                held.append(low <= look.true <= high)
                width.append(high - low)
        found[verdicts] = float(np.mean(held)), float(np.mean(width))
    return found


def _mean(figures: Sequence[Figures]) -> Figures:
    return {
        verdicts: (
            float(np.mean([one[verdicts][0] for one in figures])),
            float(np.mean([one[verdicts][1] for one in figures])),
        )
        for verdicts in VERDICTS
    }


def _print(rows: dict[str, Figures], what: str) -> None:
    titles = (what, *(f"{verdicts} verdicts" for verdicts in VERDICTS))
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name, figures in (*rows.items(), ("mean", _mean(list(rows.values())))):
        cells = (f"{held:.1%} ({width:.1f})" for held, width in figures.values())
        print(f"| {name} | " + " | ".join(cells) + " |")


def _draw(rendered: dict[str, Figures], shifted: dict[str, Figures], out: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
    titles = ("Sites of the held-out renderer", "The same, shifted on purpose")
    for axis, rows, title in zip(axes, (rendered, shifted), titles, strict=True):
        axis.axhspan(87, 93, color="#009E73", alpha=0.15, linewidth=0)
        axis.axhline(90, color="#009E73", linewidth=1, linestyle="--")
        for name, figures in rows.items():
            axis.plot(range(len(VERDICTS)), [100 * figures[v][0] for v in VERDICTS], marker="o", label=name)
        axis.set(title=title, xlabel="verdicts with a true count", xticks=range(len(VERDICTS)), xticklabels=VERDICTS)
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    axes[0].set(ylabel="90 % intervals that hold the truth, %", ylim=(0, 102))
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main()
