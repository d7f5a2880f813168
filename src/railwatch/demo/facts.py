"""Tumangang 2022 to 2024 on facts: dated public reports, and an episode that is rendered from them.

`tumangang-reports.csv` has what was published: date, lowest and highest number of cars, source, remark. Trains that
were reported in metres are cars of 14 to 20 m. On the days of reports, as many cars are rendered as were reported, and
the sky is clear: somebody saw them. Between reports, numbers and skies were drawn by chance once: few cars before the
rise, more and more after it. Of all days, about 30 % are overcast, as there.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table

from railwatch.demo.episode import PlannedLook, planned_look

REPORTS_FILE = Path(__file__).with_name("tumangang-reports.csv")
# The rendered yard has room for about this many cars. More were reported in 2024.
ROOM = 160
# The first clear look of the rise must alert by this day.
FIRST_DAY, LAST_DAY = date(2023, 9, 19), date(2023, 9, 24)
ONSET = datetime(2023, 9, 18, tzinfo=UTC)


# The empty yard that the operator picked.
FACTS_BASELINE = PlannedLook(datetime(2022, 10, 20, 2, 20, tzinfo=UTC), 0, role="baseline")

FACTS_LOOKS = (
    planned_look("2022-10-28", "02:06", 7),
    planned_look("2022-11-04", "02:30", 3),
    planned_look("2022-11-08", "02:53", 12),
    planned_look("2022-11-18", "02:24", 5),
    planned_look("2022-11-29", "02:11", 8),
    planned_look("2022-12-09", "02:07", 2),
    planned_look("2022-12-17", "02:14", 6, "overcast"),
    planned_look("2022-12-27", "02:16", 1),
    planned_look("2023-01-07", "02:18", 8),
    planned_look("2023-01-16", "02:49", 8),
    planned_look("2023-01-24", "02:10", 5),
    planned_look("2023-01-28", "02:29", 5),
    planned_look("2023-02-02", "02:38", 30),
    planned_look("2023-02-08", "02:32", 4),
    planned_look("2023-02-19", "02:23", 6, "overcast"),
    planned_look("2023-02-26", "02:08", 3),
    planned_look("2023-03-07", "02:11", 6, "overcast"),
    planned_look("2023-03-14", "02:16", 8, "overcast"),
    planned_look("2023-03-25", "02:49", 8, "hazy"),
    planned_look("2023-04-05", "02:05", 8),
    planned_look("2023-04-15", "02:43", 6, "hazy"),
    planned_look("2023-04-25", "02:30", 1),
    planned_look("2023-05-06", "02:51", 5, "overcast"),
    planned_look("2023-05-13", "02:21", 7, "overcast"),
    planned_look("2023-05-22", "02:12", 3, "hazy"),
    planned_look("2023-05-31", "02:12", 7, "overcast"),
    planned_look("2023-06-10", "02:33", 9),
    planned_look("2023-06-18", "02:44", 6),
    planned_look("2023-06-28", "02:07", 7, "overcast"),
    planned_look("2023-07-06", "02:44", 4),
    planned_look("2023-07-14", "02:19", 2, "hazy"),
    planned_look("2023-07-22", "02:16", 8),
    planned_look("2023-08-01", "02:20", 2, "overcast"),
    planned_look("2023-08-11", "02:09", 9),
    planned_look("2023-08-20", "02:27", 8, "overcast"),
    planned_look("2023-08-29", "02:52", 4, "overcast"),
    planned_look("2023-09-05", "02:15", 8, "overcast"),
    planned_look("2023-09-14", "02:32", 6),
    planned_look("2023-09-17", "02:20", 9),
    planned_look("2023-09-19", "02:38", 18, "overcast"),
    planned_look("2023-09-22", "02:37", 50),
    planned_look("2023-09-24", "02:16", 33),
    planned_look("2023-09-28", "02:37", 45, "overcast"),
    planned_look("2023-10-01", "02:39", 58),
    planned_look("2023-10-05", "02:51", 70),
    planned_look("2023-10-19", "02:44", 59, "overcast"),
    planned_look("2023-11-20", "02:14", 64),
    planned_look("2023-12-17", "02:44", 67, "overcast"),
    planned_look("2024-01-13", "02:06", 60),
    planned_look("2024-03-07", "02:38", 160, "overcast"),
    planned_look("2024-04-08", "02:41", 101),
    planned_look("2024-05-08", "02:10", 109),
    planned_look("2024-06-08", "02:40", 156),
    planned_look("2024-06-17", "02:52", 160),
    planned_look("2024-08-08", "02:35", 140, "overcast"),
    planned_look("2024-09-03", "02:20", 96),
    planned_look("2024-11-23", "02:33", 90),
    planned_look("2024-12-03", "02:51", 160),
)


@dataclass(frozen=True)
class Report:
    """What was published about one day.

    Attributes:
        on: the day.
        low: fewest cars; null if the report gives no number of cars.
        high: most cars.
        unit: `cars`, or what else it is about.
        source: who published it.
        remark: what else it says.
    """

    on: date
    low: int | None
    high: int | None
    unit: str
    source: str
    remark: str


def reports() -> tuple[Report, ...]:
    """The published reports, oldest first."""
    with REPORTS_FILE.open(newline="") as file:
        return tuple(
            Report(
                date.fromisoformat(row["date"]),
                int(row["low"]) if row["low"] else None,
                int(row["high"]) if row["high"] else None,
                row["unit"],
                row["source"],
                row["remark"],
            )
            for row in csv.DictReader(file)
        )


def verdicts(
    judged: Sequence[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Report, str, str]]:
    """Each report, the interval that Railwatch gives for it, and whether they agree.

    Args:
        judged: observations in the form of alerting's API.
        alerts: alerts in the form of alerting's API, first opened first.
    """
    looks = {datetime.fromisoformat(look["observed_at"]).date(): look for look in judged}
    for report in reports():
        if report.unit == "onset":
            yield report, *_on_onset(alerts)
            continue
        look = looks.get(report.on)
        if look is None or look["count"] is None:
            yield report, "-", "not seen: overcast" if look else "no look"
            continue
        interval = f"{look['count']:.0f} ({look['low']:.0f} to {look['high']:.0f})"
        yield report, interval, f"{_agreement(report, look)}; {look['state']}"


def _agreement(report: Report, look: Mapping[str, Any]) -> str:
    if report.low is None or report.high is None or report.unit != "cars":
        return "no number of cars to compare"
    if report.low > ROOM:
        return f"more than the rendered yard holds ({ROOM})"
    return "agrees" if look["low"] <= report.high and look["high"] >= report.low else "DIFFERS"


def _on_onset(alerts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    rises = [alert for alert in alerts if alert["alert"]["opened_at"][:10] >= f"{FIRST_DAY}"]
    if not rises or not rises[0]["alert"]["onset"]:
        return "-", "DIFFERS: no rise was found"
    alert = rises[0]["alert"]
    low, high = (datetime.fromisoformat(alert["onset"][end]) for end in ("low", "high"))
    holds = low <= ONSET + timedelta(days=1) and high >= ONSET
    opened = datetime.fromisoformat(alert["opened_at"]).date()
    in_time = FIRST_DAY <= opened <= LAST_DAY
    verdict = "agrees" if holds and in_time and len(rises) == 1 else "DIFFERS"
    return f"{low:%d %b} to {high:%d %b}", f"{verdict}; alert on {opened:%d %b}, {alert['state']} at the end"


def facts_table(judged: Sequence[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]]) -> Table:
    """The reports beside what Railwatch says, as a table."""
    table = Table(title="Public reports and what Railwatch says of rendered pictures", header_style="bold")
    for heading in ("day", "reported", "source", "interval", "verdict"):
        table.add_column(heading)
    for report, interval, verdict in verdicts(judged, alerts):
        table.add_row(f"{report.on:%d %b %Y}", _reported(report), report.source, interval, verdict)
    return table


def _reported(report: Report) -> str:
    if report.low is None:
        return report.unit
    return f"{report.low if report.low == report.high else f'{report.low} to {report.high}'} {report.unit}"
