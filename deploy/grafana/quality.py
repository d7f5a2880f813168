"""*Detector quality*: whether counts can be believed, fleet-wide.

Looks are few, so what is shown at each moment is the week before it: a site may be seen once a week.
"""

from grafana_foundation_sdk.builders.bargauge import Panel as BarGauge
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from deploy.grafana.kit import (
    GREEN,
    NEWEST_LOOK_AT_BAR,
    RED,
    YELLOW,
    address_of_alerting,
    dashboard,
    grown,
    now,
    panel,
    quantiles,
    query,
    section,
)

# Long enough to hold looks at a site that is seen once a week.
WINDOW = "7d"


def make() -> Dashboard:
    """The dashboard."""
    board = dashboard(
        "quality", "Railwatch / Detector quality", "Can the counts be trusted, over all sites?", "now-28d"
    )
    board = board.with_variable(address_of_alerting())
    return _rejections(_registration(_verdicts(_recall(_counts(board)))))


def _counts(board: Dashboard) -> Dashboard:
    quality = panel(
        TimeSeries(),
        "Tiles by quality",
        "`ok` stands for the tile, `partial` for the part that was seen, `rejected` for nothing.",
        "short",
        query(f"sum by (quality) {grown('railwatch_tiles_total', WINDOW)}", "{{quality}}"),
    )
    coverage = panel(
        TimeSeries(),
        "Coverage",
        "Share of a tile's track length that could be seen: half of the tiles, and the worst 5 %. Cloud lowers both.",
        "percentunit",
        *quantiles("railwatch_coverage_ratio", WINDOW, (0.05, "worst 5 %"), (0.5, "half")),
        steps=((None, RED), (0.5, YELLOW), (0.8, GREEN)),
    )
    width = panel(
        TimeSeries(),
        "Width of the interval",
        "The 90 % interval's width over the count: half of the tiles, and all but 5 %. Wide ones make late alerts.",
        "percentunit",
        *quantiles("railwatch_interval_width_ratio", WINDOW, (0.5, "half"), (0.95, "95 %")),
        steps=((None, GREEN), (0.3, YELLOW), (1, RED)),
    )
    return section(board, "Counts", quality, coverage, width)


def _recall(board: Dashboard) -> Dashboard:
    found, painted = "railwatch:recall_cars_recovered:sum", "railwatch:recall_cars_injected:sum"
    recall = panel(
        TimeSeries(),
        "Recall of painted cars",
        "Of the known cars painted into some tiles of the last 7 days, the share that was found. Not the recall of "
        "real cars; a fall is what matters, and RailwatchRecallFalling warns of it.",
        "percentunit",
        query(f"sum(increase({found}[7d])) / sum(increase({painted}[7d]))", "all sites"),
        size=(12, 8),
    )
    found, painted = "railwatch_recall_cars_recovered_total", "railwatch_recall_cars_injected_total"
    lowest = panel(
        BarGauge(),
        "Sites where fewest are found",
        "Recall of painted cars since the replicas started, for sites with 12 such cars and more.",
        "percentunit",
        now(f"bottomk(10, sum by (site) ({found}) / (sum by (site) ({painted}) >= 12))", "{{site}}"),
        size=(12, 8),
        steps=((None, RED), (0.5, YELLOW), (0.8, GREEN)),
        links=NEWEST_LOOK_AT_BAR,
    )
    return section(board, "Recall", recall, lowest)


def _verdicts(board: Dashboard) -> Dashboard:
    right, false = (f'railwatch_alerts_judged{{verdict="{verdict}"}}' for verdict in ("right", "false"))
    alerts = panel(
        TimeSeries(),
        "Precision of alerts",
        "Of the alerts that people judged right or false, the share that is right. Empty until somebody has.",
        "percentunit",
        query(f"max({right}) / (max({right}) + max({false}))", "right"),
        size=(12, 8),
    )
    cars = panel(
        BarGauge(),
        "Sites with the most false cars",
        "Precision by people's verdicts, for the sites that have any: the upper end of its 90 % interval.",
        "percentunit",
        now('bottomk(10, max by (site) (railwatch_site_precision{condition="all", bound="high"}))', "{{site}}"),
        size=(12, 8),
        steps=((None, RED), (0.8, YELLOW), (0.95, GREEN)),
        links=NEWEST_LOOK_AT_BAR,
    )
    return section(board, "Verdicts of people", alerts, cars)


def _registration(board: Dashboard) -> Dashboard:
    reliability = panel(
        TimeSeries(),
        "Reliability of registration",
        "How far the match of tile and baseline can be believed, 0 to 1: half of the tiles, and the worst 5 %.",
        "percentunit",
        *quantiles("railwatch_registration_reliability_ratio", WINDOW, (0.05, "worst 5 %"), (0.5, "half")),
        steps=((None, RED), (0.5, YELLOW), (0.8, GREEN)),
    )
    shift = panel(
        TimeSeries(),
        "Shift of registration",
        "How far tiles had to be moved, in pixels. A step in this line is a change at the provider.",
        "short",
        *quantiles("railwatch_registration_shift_pixels", WINDOW, (0.5, "half"), (0.95, "95 %")),
    )
    failing = panel(
        BarGauge(),
        "Looks in a row without registration",
        "Sites whose newest looks did not match their baseline. From 3 on RailwatchRegistrationFailing warns: the site "
        "is not being watched.",
        "short",
        now("topk(10, max by (site) (railwatch_site_unregistered_looks))", "{{site}}"),
        steps=((None, GREEN), (1, YELLOW), (3, RED)),
        links=NEWEST_LOOK_AT_BAR,
    )
    return section(board, "Registration", reliability, shift, failing)


def _rejections(board: Dashboard) -> Dashboard:
    reasons = panel(
        TimeSeries(),
        "Rejections by reason",
        "Tiles that could not be counted. `registration-unreliable` at many sites at once points to the provider; at "
        "one site, to its baseline.",
        "short",
        query(f"sum by (reason) {grown('railwatch_tile_rejections_total', WINDOW)}", "{{reason}}"),
        size=(12, 8),
    )
    stages = panel(
        TimeSeries(),
        "Time by stage",
        "What each stage of counting a tile takes on average, one above the other.",
        "s",
        query(
            "sum by (stage) (rate(railwatch_stage_seconds_sum[7d]))"
            " / sum by (stage) (rate(railwatch_stage_seconds_count[7d]))",
            "{{stage}}",
        ),
        size=(12, 8),
    )
    return section(board, "Rejections and time", reasons, stages)
