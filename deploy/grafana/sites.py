"""*Sites*: the fleet at a glance, the present beside the history of each site."""

from typing import Any

from grafana_foundation_sdk.builders.bargauge import Panel as BarGauge
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from deploy.grafana.kit import (
    BAD_ABOVE_0,
    BLUE,
    GREEN,
    MIXED,
    NEWEST_LOOK_AT_BAR,
    ORANGE,
    RED,
    YELLOW,
    Steps,
    address_of_alerting,
    ask,
    dashboard,
    grown,
    look,
    now,
    panel,
    query,
    transformation,
)

# Count over threshold: an alert stands from 1 on.
FULLNESS: Steps = ((None, GREEN), (0.8, YELLOW), (1, RED))
STATES: list[Any] = [
    ValueMap(
        options={
            state: ValueMappingResult(text=state, color=color, index=index)
            for index, (state, color) in enumerate(
                (("alert", RED), ("normal", GREEN), ("learning", BLUE), ("unobserved", ORANGE))
            )
        }
    )
]
DAY_S = 86_400.0


def make() -> Dashboard:
    """The dashboard."""
    board = dashboard(
        "sites", "Railwatch / Sites", "Which site has more cars than it should, and which is not seen?", "now-90d"
    )
    board = board.with_variable(address_of_alerting())
    for built in (*_numbers(), _fleet(), _fullest(), _most_overdue()):
        board = board.with_panel(built)
    return board


def _numbers() -> list[Stat]:
    return [
        panel(
            Stat(),
            "Alerts that stand",
            "Sites whose count is above what their own history makes plausible.",
            "short",
            now("max(railwatch_alerts_standing)"),
            size=(6, 4),
            steps=BAD_ABOVE_0,
        ),
        panel(
            Stat(),
            "Sites with a history",
            "Sites that have been seen at least once well enough to be judged.",
            "short",
            now("count(max by (site) (railwatch_site_count))"),
            size=(6, 4),
        ),
        panel(
            Stat(),
            "Looks judged, last day",
            "Observations that entered some site's history in the last 24 hours.",
            "short",
            now(f"sum{grown('railwatch_observations_total', '1d')}"),
            size=(6, 4),
        ),
        panel(
            Stat(),
            "Sites overdue",
            "Sites whose next clear look should have come by now, judged by how often each is seen.",
            "short",
            now("count(max by (site) (railwatch_site_look_overdue_seconds) > 0) or vector(0)"),
            size=(6, 4),
            steps=((None, GREEN), (1, YELLOW)),
        ),
    ]


def _fleet() -> Table:
    """Alerting's API gives the state at the newest look; Prometheus gives the curve of what was known when."""
    return (
        panel(
            Table(),
            "Sites",
            "How each site stands after its newest look, and the count as it was known over the dashboard's time. A "
            "site's name leads to its own dashboard.",
            "short",
            ask(
                "/v1/sites?limit=500",
                "items",
                ("id", "site", "string"),
                ("name", "Name", "string"),
                ("status.state", "State", "string"),
                ("status.judged.count", "Count", "number"),
                ("status.judged.low", "Low", "number"),
                ("status.judged.high", "High", "number"),
                ("status.judged.threshold", "Threshold", "number"),
                ("status.judged.coverage", "Coverage", "number"),
                ("status.judged.observed_at", "Last clear look", "timestamp"),
            ),
            query("max by (site) (railwatch_site_count)", ref="B"),
            size=(24, 14),
            source=MIXED,
        )
        # Of query B alone: with one site, the rows of query A look like a time series, too.
        .with_transformation(transformation("timeSeriesTable", only="B", B={"stat": "lastNotNull"}))
        .with_transformation(transformation("joinByField", byField="site", mode="outer"))
        .with_transformation(
            transformation("organize", renameByName={"site": "Site", "Trend #B": "Trend", "Trend": "Trend"})
        )
        .override_by_name(
            "Site",
            look(
                links=[
                    {"title": "Its dashboard", "url": "/d/railwatch-site?var-site=${__value.raw}"},
                    {"title": "Its page", "url": "${address}/sites/${__value.raw}", "targetBlank": True},
                ]
            ),
        )
        .override_by_name("State", look(mappings=STATES, custom__cellOptions={"type": "color-background"}))
        .override_by_name("Coverage", look(unit="percentunit"))
        .override_by_name("Last clear look", look(unit="dateTimeFromNow"))
        .override_by_name("Trend", look(custom__cellOptions={"type": "sparkline"}))
        .override_by_name("Count", look(decimals=0))
    )


def _fullest() -> BarGauge:
    return panel(
        BarGauge(),
        "Nearest to their threshold",
        "Count over threshold at the last clear look, the ten highest. An alert stands from 100 % on.",
        "percentunit",
        now("topk(10, max by (site) (railwatch_site_count) / max by (site) (railwatch_site_threshold))", "{{site}}"),
        size=(12, 9),
        steps=FULLNESS,
        links=NEWEST_LOOK_AT_BAR,
    )


def _most_overdue() -> BarGauge:
    return panel(
        BarGauge(),
        "Most overdue",
        "How long ago the next look should have come: `look` where none came at all, `clear-look` where the site was "
        "hidden on those that did.",
        "s",
        now("topk(10, max by (site, miss) (railwatch_site_look_overdue_seconds))", "{{site}}: {{miss}}"),
        size=(12, 9),
        steps=((None, GREEN), (1, YELLOW), (14 * DAY_S, RED)),
        links=NEWEST_LOOK_AT_BAR,
    )
