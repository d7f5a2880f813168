"""A picture of a judged history: looks, expected count, threshold, alerts and onsets."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.events import Transition

# Okabe and Ito's palette: every kind of colour vision can distinguish these colours.
BLUE, VERMILION, GREY, GREEN = "#0072B2", "#D55E00", "#6B6B6B", "#009E73"


def draw(judgements: Sequence[Judgement], path: Path, *, rate: float, title: str) -> None:
    """Draw a judged history to a PNG or SVG file. The suffix of the path chooses the format.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigurationError(
            "drawing needs matplotlib: install railwatch with its extra, railwatch[plot]"
        ) from None

    with rc_context({"date.converter": "concise"}):
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw_alerts(axes, judgements)
        _draw_threshold(axes, judgements, rate)
        _draw_looks(axes, judgements)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("railcars")
        axes.set_title(title, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", frameon=False, ncols=3, fontsize="small")
        axes.margins(x=0.02)
        axes.set_ylim(top=axes.get_ylim()[1] * 1.15)
        figure.savefig(path, dpi=150)


def _draw_alerts(axes: Any, judgements: Sequence[Judgement]) -> None:
    labels = {"alert": "alert", "onset": "onset of the rise, 90 %"}
    for _, group in groupby((j for j in judgements if j.opened_at), key=lambda j: j.opened_at):
        looks = list(group)
        axes.axvspan(
            looks[0].observed_at,
            looks[-1].observed_at,
            color=VERMILION,
            alpha=0.12,
            lw=0,
            label=labels.pop("alert", None),
        )
        onset = next((look.onset for look in reversed(looks) if look.onset), None)
        if onset:
            before, after = onset.at - onset.low, onset.high - onset.at
            axes.errorbar(
                [onset.at],
                [0],
                xerr=[[before], [after]],
                fmt="^",
                color=GREEN,
                ms=9,
                capsize=4,
                clip_on=False,
                zorder=5,
                label=labels.pop("onset", None),
            )


def _draw_threshold(axes: Any, judgements: Sequence[Judgement], rate: float) -> None:
    judged = [j for j in judgements if j.threshold is not None]
    times: list[datetime] = [j.observed_at for j in judged]
    axes.step(times, [j.threshold for j in judged], where="mid", color=GREY, lw=1.6, label=f"threshold at {rate:.1%}")
    axes.plot(times, [j.expected for j in judged], color=GREY, lw=1, ls=":", label="expected")


def _draw_looks(axes: Any, judgements: Sequence[Judgement]) -> None:
    observed = [j for j in judgements if j.state is not State.UNOBSERVED]
    for label, looks, style in (
        ("look", [j for j in observed if not j.exceeds], {"color": BLUE, "ms": 4.5, "fmt": "o"}),
        ("look above its threshold", [j for j in observed if j.exceeds], {"color": VERMILION, "ms": 7, "fmt": "D"}),
    ):
        if looks:
            errors = [[_down(j) for j in looks], [_up(j) for j in looks]]
            axes.errorbar(
                [j.observed_at for j in looks],
                [j.count for j in looks],
                yerr=errors,
                elinewidth=1,
                label=label,
                **style,
            )
    unobserved = [j.observed_at for j in judgements if j.state is State.UNOBSERVED]
    if unobserved:
        axes.plot(unobserved, [0] * len(unobserved), "|", color=GREY, ms=10, label="unobserved", clip_on=False)
    opened = [j for j in observed if j.transition is Transition.OPENED and j.cusum_exceeds and not j.exceeds]
    if opened:
        axes.plot(
            [j.observed_at for j in opened],
            [j.count for j in opened],
            "s",
            mfc="none",
            mec=VERMILION,
            ms=11,
            label="slow rise",
        )


def _down(judgement: Judgement) -> float:
    return (judgement.count or 0.0) - judgement.low if judgement.low is not None else 0.0


def _up(judgement: Judgement) -> float:
    return judgement.high - (judgement.count or 0.0) if judgement.high is not None else 0.0
