"""*Site*: one site's history as the satellite saw it, its alerts, and the pictures behind the newest one."""

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.models.dashboard import DashboardLink, DashboardLinkType, VariableRefresh

from deploy.grafana import site_looks
from deploy.grafana.kit import (
    ALERTING,
    BLUE,
    GREEN,
    NEWEST_LOOK,
    PROMETHEUS,
    RED,
    YELLOW,
    Built,
    address_of_alerting,
    ask,
    dashboard,
    now,
    panel,
)
from deploy.grafana.sites import DAY_S, FULLNESS, STATES

PAGE = DashboardLink(
    title="The site's page",
    type_val=DashboardLinkType.LINK,
    icon="external link",
    tooltip="Its looks with their pictures, car by car",
    tags=[],
    url="${address}/sites/${site}",
    target_blank=True,
)


def make() -> Dashboard:
    """The dashboard."""
    board = dashboard(
        "site",
        "Railwatch / Site",
        "Does this site have more cars than its own history makes plausible, and since when?",
        "now-1y",
    )
    board = board.link(Built(PAGE))
    for variable in _variables():
        board = board.with_variable(variable)
    for annotation in _annotations():
        board = board.annotation(annotation)
    for built in (*_present(), *site_looks.panels()):
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
    return [site, address_of_alerting()]


def _annotations() -> list[AnnotationQuery]:
    onsets = ask(
        f"{site_looks.ALERTS}&limit=100",
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
            links=NEWEST_LOOK,
        ),
        panel(
            Stat(),
            "Threshold",
            "The count above which that look would have raised an alert. Empty while Railwatch still learns the site.",
            "short",
            now('max(railwatch_site_threshold{site="$site"})'),
            size=(4, 4),
            links=NEWEST_LOOK,
        ),
        panel(
            Stat(),
            "Count over threshold",
            "An alert stands from 100 % on.",
            "percentunit",
            now('max(railwatch_site_count{site="$site"}) / max(railwatch_site_threshold{site="$site"})'),
            size=(4, 4),
            links=NEWEST_LOOK,
            steps=FULLNESS,
        ),
        panel(
            Stat(),
            "State",
            "How the site stands after its newest look.",
            "string",
            ask(last, "", ("status.state", "State", "string")),
            size=(4, 4),
            links=NEWEST_LOOK,
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
            links=NEWEST_LOOK,
            steps=((None, GREEN), (14 * DAY_S, YELLOW), (30 * DAY_S, RED)),
        ),
        panel(
            Stat(),
            "Looks without registration",
            "Newest looks in a row that did not match the baseline. From 3 on nobody watches the site.",
            "short",
            now('max(railwatch_site_unregistered_looks{site="$site"})'),
            size=(4, 4),
            links=NEWEST_LOOK,
            steps=((None, GREEN), (1, YELLOW), (3, RED)),
        ),
    ]
