"""*Site*: one site's history as the satellite saw it, its alerts, and the pictures behind the newest one."""

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from deploy.grafana.kit import (
    ALERTING,
    BLUE,
    GREEN,
    ORANGE,
    PROMETHEUS,
    RED,
    YELLOW,
    Built,
    ask,
    dashboard,
    look,
    now,
    panel,
)
from deploy.grafana.sites import DAY_S, FULLNESS, STATES

HISTORY = "/v1/sites/${site}/observations?limit=500&from=${__from:date:iso}&to=${__to:date:iso}"
ALERTS = "/v1/alerts?site=${site}"
OBSERVED = ("observed_at", "Time", "timestamp")


def make() -> Dashboard:
    """The dashboard."""
    board = dashboard(
        "site",
        "Railwatch / Site",
        "Does this site have more cars than its own history makes plausible, and since when?",
        "now-1y",
    )
    for variable in _variables():
        board = board.with_variable(variable)
    for annotation in _annotations():
        board = board.annotation(annotation)
    for built in (*_present(), _history(), _picture(), _coverage(), _alerts(), _looks()):
        board = board.with_panel(built)
    return board


def _variables() -> list[QueryVariable | TextBoxVariable]:
    site = (
        QueryVariable("site")
        .label("Site")
        .datasource(PROMETHEUS)
        .query(
            {
                "query": 'label_values(railwatch_site_look_overdue_seconds{namespace=~"$namespace"}, site)',
                "refId": "site",
            }
        )
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    )
    address = (
        TextBoxVariable("address")
        .label("Address of alerting")
        .description("Where your browser reaches alerting, for what is known of a look.")
        .default_value("http://127.0.0.1:8082")
    )
    return [site, address]


def _annotations() -> list[AnnotationQuery]:
    onsets = ask(
        f"{ALERTS}&limit=100",
        "items",
        ("onset.at", "time", "timestamp"),
        ("sentence", "text", "string"),
        ("site_name", "title", "string"),
    )
    context = ask("/v1/sites/${site}", "context", ("at", "time", "timestamp"), ("title", "text", "string"))
    return [
        AnnotationQuery().name(name).datasource(ALERTING).enable(True).icon_color(color).target(target)
        for name, color, target in (("Onsets of rises", RED, onsets), ("Context events", BLUE, context))
    ]


def _present() -> list[Stat]:
    last = "/v1/sites/${site}"
    return [
        panel(
            Stat(),
            "Count",
            "Railcars at the last clear look.",
            "short",
            now('max(railwatch_site_count{site="$site"})'),
            size=(4, 4),
        ),
        panel(
            Stat(),
            "Threshold",
            "The count above which that look would have raised an alert. Empty while Railwatch still learns the site.",
            "short",
            now('max(railwatch_site_threshold{site="$site"})'),
            size=(4, 4),
        ),
        panel(
            Stat(),
            "Count over threshold",
            "An alert stands from 100 % on.",
            "percentunit",
            now('max(railwatch_site_count{site="$site"}) / max(railwatch_site_threshold{site="$site"})'),
            size=(4, 4),
            steps=FULLNESS,
        ),
        panel(
            Stat(),
            "State",
            "How the site stands after its newest look.",
            "string",
            ask(last, "", ("status.state", "State", "string")),
            size=(4, 4),
            source=ALERTING,
        )
        .mappings(STATES)
        .reduce_options(Built({"values": False, "calcs": ["lastNotNull"], "fields": "/.*/"})),
        panel(
            Stat(),
            "Since the last clear look",
            "Time since the satellite last saw enough of the site to judge it.",
            "s",
            now('time() - max(railwatch_site_last_clear_look_timestamp_seconds{site="$site"})'),
            size=(4, 4),
            steps=((None, GREEN), (14 * DAY_S, YELLOW), (30 * DAY_S, RED)),
        ),
        panel(
            Stat(),
            "Looks without registration",
            "Newest looks in a row that did not match the baseline. From 3 on nobody watches the site.",
            "short",
            now('max(railwatch_site_unregistered_looks{site="$site"})'),
            size=(4, 4),
            steps=((None, GREEN), (1, YELLOW), (3, RED)),
        ),
    ]


def _history() -> TimeSeries:
    return (
        panel(
            TimeSeries(),
            "Railcars, as the satellite saw them",
            "Each point is a look, at the time of the look. The band is the 90 % interval; a count above the red line "
            "raises an alert.",
            "short",
            ask(
                HISTORY,
                "items",
                OBSERVED,
                ("count", "Count", "number"),
                ("low", "Low", "number"),
                ("high", "High", "number"),
                ("expected", "Expected", "number"),
                ("threshold", "Threshold", "number"),
            ),
            size=(16, 12),
            source=ALERTING,
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
                ("count", "Count", "number"),
                ("low", "Low", "number"),
                ("high", "High", "number"),
                ("expected", "Expected", "number"),
                ("threshold", "Threshold", "number"),
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
                        "title": "What is known of this look",
                        "url": "${address}/v1/sites/${site}/scenes/${__value.raw}",
                        "targetBlank": True,
                    }
                ]
            ),
        )
        .override_by_name("p-value", look(decimals=4, color={"mode": "fixed", "fixedColor": ORANGE}))
    )
