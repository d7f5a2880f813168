"""`railwatch alerts`: the alerting rule on a CSV of one site's counts, without any service."""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.counts_csv import Row, read_counts, read_spans
from railwatch.cli.terminal import cell
from railwatch.services.alerting.rule.judgement import Judgement, Rule, State
from railwatch.shared.events import Transition

PLOT_TYPES = (".png", ".svg")
BACKTEST_RATES = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
STATE_STYLES = {State.ALERT: "bold red", State.UNOBSERVED: "dim", State.LEARNING: "dim"}

File = Annotated[
    Path,
    typer.Argument(
        metavar="COUNTS.csv", help="Columns: `observed_at,count[,low,high,coverage]`.", exists=True, dir_okay=False
    ),
]


def alerts(
    counts: File,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per look instead of a table.")] = False,
    rate: Annotated[float, typer.Option(help="False-alarm rate per look, at a site where nothing changes.")] = 0.01,
    plot: Annotated[Path | None, typer.Option(help="Draw looks, threshold and alerts to this PNG or SVG file.")] = None,
    surges: Annotated[
        Path | None,
        typer.Option(
            metavar="SPANS.csv",
            help="Back-test the rule. The file has the columns `start,end`: spans of time when the site held too many "
            "cars. Prints how often the rule is wrong, and how soon it is right, at several false-alarm rates.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Judge each look at one site against the looks before it.

    COUNTS.csv has the columns `observed_at,count`. It may have `low,high` (the 90 % interval of the count) and
    `coverage` (the share of the track that was seen). Times are ISO 8601. An empty count is a look that saw nothing.
    Looks are judged in order of time. The table is in this order too; `--json` keeps the order of the file.
    """
    if not 0 < rate < 0.5:
        raise typer.BadParameter("the false-alarm rate must be above 0 and below 0.5", param_hint="--rate")
    if plot and plot.suffix.lower() not in PLOT_TYPES:
        raise typer.BadParameter("the file must end in .png or .svg", param_hint="--plot")
    rows = read_counts(counts)
    if surges:
        _print_backtest(rows, surges, as_json=as_json)
        return
    from railwatch.services.alerting.rule.series import judge_series

    judged = {one.observed_at: one for one in judge_series((row.look for row in rows), Rule(false_alarm_rate=rate))}
    if plot:
        from railwatch.cli.alerts_plot import draw

        draw(list(judged.values()), plot, rate=rate, title=counts.stem)
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(_line(row, judged[row.look.observed_at])) + "\n")
    else:
        written_at = {row.look.observed_at: row.written_at for row in rows}
        _print_table([(written_at[at], judgement) for at, judgement in judged.items()])


def _line(row: Row, judgement: Judgement) -> dict[str, Any]:
    return {
        "observed_at": row.written_at,
        "count": judgement.count,
        "expected": judgement.expected,
        "threshold": judgement.threshold,
        "p_value": judgement.p_value,
        "exceeds": judgement.exceeds,
        "state": judgement.state.value,
        "onset": judgement.onset.at.date().isoformat() if judgement.onset else None,
    }


def _print_table(judged: Sequence[tuple[str, Judgement]]) -> None:
    table = Table(box=None, header_style="bold")
    for heading in ("observed", "cars", "expected", "threshold", "p-value"):
        table.add_column(heading, justify="left" if heading == "observed" else "right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("what happened")
    for written_at, judgement in judged:
        table.add_row(
            cell(written_at),
            _short(judgement.count),
            _short(judgement.expected),
            _short(judgement.threshold),
            "" if judgement.p_value is None else f"{judgement.p_value:.2g}",
            judgement.state.value,
            _event(judgement),
            style=STATE_STYLES.get(judgement.state),
        )
    console = Console()
    console.print(table)
    console.print(_summary([judgement for _, judgement in judged]))


def _event(judgement: Judgement) -> str:
    events = [judgement.transition.value] if judgement.transition in (Transition.OPENED, Transition.RESOLVED) else []
    if judgement.cusum_exceeds and not judgement.exceeds:
        events.append("slow rise")
    return ", ".join(events)


def _summary(judgements: Sequence[Judgement]) -> str:
    opened = [judgement for judgement in judgements if judgement.transition is Transition.OPENED]
    if not opened:
        return "No alert."
    last = judgements[-1]
    text = f"{len(opened)} alert{'s' if len(opened) > 1 else ''}"
    if last.transition is Transition.RESOLVED or last.opened_at is None:
        return f"{text}, none open."
    text += f", one open since {last.opened_at:%Y-%m-%d}"
    if last.onset:
        text += (
            f"; the rise began about {last.onset.at:%Y-%m-%d} ({last.onset.low:%Y-%m-%d} to {last.onset.high:%Y-%m-%d})"
        )
    return f"{text}."


def _print_backtest(rows: Sequence[Row], surges: Path, *, as_json: bool) -> None:
    from railwatch.services.alerting.rule.backtest import score
    from railwatch.services.alerting.rule.series import judge_series

    spans = [(span.start, span.end) for span in read_spans(surges)]
    table = Table(box=None, header_style="bold")
    for heading in ("nominal rate", "false alarms", "of quiet looks", "rate", "false alerts", "surges found", "delay"):
        table.add_column(heading, justify="right")
    for rate in BACKTEST_RATES:
        result = score(judge_series((row.look for row in rows), Rule(false_alarm_rate=rate)), spans)
        false_alarm_rate = result.false_alarms / result.quiet_looks if result.quiet_looks else math.nan
        delay = sum(result.delays) / len(result.delays) if result.delays else math.nan
        if as_json:
            line = {
                "nominal_rate": rate,
                "quiet_looks": result.quiet_looks,
                "false_alarms": result.false_alarms,
                "false_alerts": result.false_alerts,
                "surges": result.spans,
                "found": result.found,
                "mean_delay_looks": None if math.isnan(delay) else delay,
            }
            sys.stdout.write(json.dumps(line) + "\n")
        table.add_row(
            f"{rate:.1%}",
            str(result.false_alarms),
            str(result.quiet_looks),
            f"{false_alarm_rate:.2%}",
            str(result.false_alerts),
            f"{result.found} of {result.spans}",
            "" if math.isnan(delay) else f"{delay:.1f} looks",
        )
    if not as_json:
        Console().print(table)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0")
