"""The panels of *Site* about its looks and alerts, from alerting's API."""

from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import TableCellHeight

from deploy.grafana.kit import ALERTING, GREEN, LOOK_AT_POINT, ORANGE, RED, YELLOW, ask, look, panel
from deploy.grafana.sites import STATES

HISTORY = "/v1/sites/${site}/observations?limit=500&from=${__from:date:iso}&to=${__to:date:iso}"
ALERTS = "/v1/alerts?site=${site}"
OBSERVED = ("observed_at", "Time", "timestamp")
# What was counted at a look, and what it was judged by.
JUDGED = tuple((name.lower(), name, "number") for name in ("Count", "Low", "High", "Expected", "Threshold"))


def panels() -> list[TimeSeries | Table]:
    """The history, the newest picture, coverage, all alerts and all looks, in their order."""
    return [_history(), _picture(), _coverage(), _alerts(), _looks()]


def _history() -> TimeSeries:
    return (
        panel(
            TimeSeries(),
            "Railcars, as the satellite saw them",
            "Each point is a look, at the time of the look. The band is the 90 % interval; a count above the red line "
            "raises an alert.",
            "short",
            ask(HISTORY, "items", OBSERVED, *JUDGED),
            size=(16, 12),
            source=ALERTING,
            links=LOOK_AT_POINT,
        )
        .override_by_name("Count", look(custom__showPoints="always", custom__pointSize=7, custom__lineWidth=2))
        .override_by_name("High", look(custom__fillBelowTo="Low", custom__fillOpacity=20, custom__lineWidth=0))
        .override_by_name("Low", look(custom__lineWidth=0))
        .override_by_name("Expected", look(custom__lineStyle={"fill": "dash", "dash": [8, 8]}))
        .override_by_name("Threshold", look(color={"mode": "fixed", "fixedColor": RED}))
    )


def _picture() -> Table:
    return (
        panel(
            Table(),
            "Evidence of the newest alert",
            "A tile with each counted car drawn. The picture leads to the alert's page.",
            "string",
            ask(f"{ALERTS}&limit=1", "items", ("picture_url", "Picture", "string"), ("page_url", "Page", "string")),
            size=(8, 12),
            source=ALERTING,
        )
        .override_by_name(
            "Picture",
            look(
                custom__cellOptions={"type": "image"},
                links=[{"title": "Open", "url": "${__data.fields.Page}", "targetBlank": True}],
            ),
        )
        .override_by_name("Page", look(custom__hidden=True))
        .cell_height(TableCellHeight.LG)
        .no_value("This site has had no alert.")
    )


def _coverage() -> TimeSeries:
    return panel(
        TimeSeries(),
        "Coverage",
        "Share of the site's track length that was seen at each look. Below a limit a look is unobserved, never a low "
        "count.",
        "percentunit",
        ask(HISTORY, "items", OBSERVED, ("coverage", "Coverage", "number")),
        size=(12, 8),
        steps=((None, RED), (0.5, YELLOW), (0.8, GREEN)),
        source=ALERTING,
        links=LOOK_AT_POINT,
    )


def _alerts() -> Table:
    return (
        panel(
            Table(),
            "Alerts",
            "All alerts of the site, last opened first. The link leads to the alert's page.",
            "short",
            ask(
                f"{ALERTS}&limit=100",
                "items",
                ("opened_at", "Opened", "timestamp"),
                ("state", "State", "string"),
                ("severity", "Severity", "string"),
                ("onset.at", "Onset", "timestamp"),
                ("sentence", "What happened", "string"),
                ("page_url", "Page", "string"),
            ),
            size=(12, 8),
            source=ALERTING,
        )
        .override_by_name("Page", look(links=[{"title": "Open", "url": "${__value.raw}", "targetBlank": True}]))
        .override_by_name("What happened", look(custom__width=420))
        .no_value("This site has had no alert.")
    )


def _looks() -> Table:
    return (
        panel(
            Table(),
            "Looks",
            "Every look of the dashboard's time, newest first, as it was judged. `archival` looks came late and were "
            "entered at their place; they open no alert.",
            "short",
            ask(
                HISTORY,
                "items",
                ("observed_at", "Observed", "timestamp"),
                ("state", "State", "string"),
                *JUDGED,
                ("p_value", "p-value", "number"),
                ("coverage", "Coverage", "number"),
                ("archival", "Archival", "boolean"),
                ("scene", "Scene", "string"),
            ),
            size=(24, 10),
            source=ALERTING,
        )
        .override_by_name("State", look(mappings=STATES, custom__cellOptions={"type": "color-background"}))
        .override_by_name("Coverage", look(unit="percentunit"))
        .override_by_name(
            "Scene",
            look(
                links=[
                    {
                        "title": "Open the look",
                        "url": "${address}/sites/${site}/looks/${__value.raw}",
                        "targetBlank": True,
                    },
                    {
                        "title": "What is known of its scene",
                        "url": "${address}/v1/sites/${site}/scenes/${__value.raw}",
                        "targetBlank": True,
                    },
                ]
            ),
        )
        .override_by_name("p-value", look(decimals=4, color={"mode": "fixed", "fixedColor": ORANGE}))
    )
