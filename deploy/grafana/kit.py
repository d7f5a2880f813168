"""What all dashboards have in common: data sources, targets, and panels with a title, a description and a unit."""

import re
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    TextBoxVariable,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.builders.text import Panel as Text
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DashboardLink,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

LINK = DashboardLink(
    title="Railwatch",
    type_val=DashboardLinkType.DASHBOARDS,
    icon="external link",
    tooltip="The other dashboards of Railwatch",
    tags=["railwatch"],
    as_dropdown=True,
)
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
ALERTING = DataSourceRef(type_val="yesoreyeram-infinity-datasource", uid="${alerting}")
MIXED = DataSourceRef(type_val="datasource", uid="-- Mixed --")

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
Steps = tuple[tuple[float | None, str], ...]
PLAIN: Steps = ((None, BLUE),)
BAD_ABOVE_0: Steps = ((None, GREEN), (1, RED))

SERVICES = 'job=~"railwatch-(ingest|detector|alerting)"'
# Series that belong to an installation: ours, of our processes, and of what Kubernetes knows of them.
_OURS = re.compile(r"\b(railwatch[_:][a-z0-9_:]+|(?:process|kube)_\w+|up|ALERTS)\b(\{)?")

P = TypeVar("P")


def _look(site: str, until: str) -> list[dict[str, Any]]:
    """A link to the page of a site's last look until some time."""
    return [{"title": "Open the look", "url": f"${{address}}/sites/{site}/at/{until}", "targetBlank": True}]


# The look that a point of a panel with time stands for, and the newest one of the dashboard's time.
LOOK_AT_POINT = _look("${site}", "${__value.time}")
NEWEST_LOOK = _look("${site}", "${__to}")
# The same of the site that a bar stands for.
NEWEST_LOOK_AT_BAR = _look("${__field.labels.site}", "${__to}")


def dashboard(name: str, title: str, question: str, since: str) -> Dashboard:
    """A dashboard with the question that it answers, what can be chosen, and links to the others."""
    namespace = (
        QueryVariable("namespace")
        .label("Namespace")
        .description("The installation. Where Prometheus gives no namespace, all is one installation.")
        .datasource(PROMETHEUS)
        .query({"query": f"label_values(up{{{SERVICES}}}, namespace)", "refId": "namespace"})
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .include_all(True)
        .all_value(".*")
    )
    board = (
        Dashboard(title)
        .uid(f"railwatch-{name}")
        .description(question)
        .tags(["railwatch"])
        .refresh("1m")
        .time(since, "now")
        .timezone("utc")
        .readonly()
        .link(Built(LINK))
        .with_variable(DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
        .with_variable(DatasourceVariable("alerting").label("Alerting's API").type(str(ALERTING.type_val)))
        .with_variable(namespace)
        .with_panel(
            Text().title("").mode(TextMode.MARKDOWN).content(f"### {question}").transparent(True).span(24).height(2)
        )
    )
    for title_, color, expr in (
        ("Restarts", ORANGE, f"changes(process_start_time_seconds{{{SERVICES}}}[2m]) > 0"),
        (
            "Roll-outs",
            BLUE,
            'time() - kube_replicaset_created{replicaset=~"railwatch-(ingest|detector|alerting)-.+"} < 120',
        ),
    ):
        marked = AnnotationQuery().name(title_).datasource(PROMETHEUS).enable(True).icon_color(color)
        board = board.annotation(marked.target(Built(query(expr, ref=title_).build())))
    return board


def address_of_alerting() -> TextBoxVariable:
    """Where the reader's browser reaches alerting's pages."""
    return (
        TextBoxVariable("address")
        .label("Address of alerting")
        .description("Where your browser reaches alerting, for the pages of sites and looks.")
        .default_value("http://127.0.0.1:8082")
    )


def in_namespace(expr: str) -> str:
    """A query of the chosen namespace only."""

    def limited(found: re.Match[str]) -> str:
        return f'{found[1]}{{namespace=~"$namespace"' + (", " if found[2] else "}")

    return _OURS.sub(limited, expr)


def panel(
    kind: P,
    title: str,
    description: str,
    unit: str,
    *targets: Builder[Any],
    size: tuple[int, int] = (8, 8),
    steps: Steps = PLAIN,
    source: DataSourceRef = PROMETHEUS,
    links: list[dict[str, Any]] | None = None,
) -> P:
    """A panel of some kind, with all that a reader needs to understand it.

    Args:
        kind: the SDK's builder of the panel.
        title: what it shows, a few words.
        description: how to read it, and what to do when it looks bad.
        unit: a Grafana unit.
        targets: its queries.
        size: width in columns of 24, and height in rows.
        steps: the value from which on each colour holds; the first has none.
        source: the data source.
        links: where each of its values leads.
    """
    built = (
        cast("Any", kind)
        .title(title)
        .description(description)
        .unit(unit)
        .span(size[0])
        .height(size[1])
        .datasource(source)
    )
    built = built.thresholds(
        ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(v, c) for v, c in steps])
    )
    if links:
        built = built.data_links([Built(link) for link in links])
    for target in targets:
        built = built.with_target(target)
    return cast("P", built)


def section(board: Dashboard, title: str, *panels: Builder[Any]) -> Dashboard:
    """The dashboard with a row of panels under a title."""
    board = board.with_row(Row(title))
    for built in panels:
        board = board.with_panel(built)
    return board


def query(expr: str, legend: str = "", *, ref: str = "A") -> PrometheusQuery:
    """A query of Prometheus over the dashboard's time."""
    built = PrometheusQuery().datasource(PROMETHEUS).ref_id(ref)
    return built.expr(in_namespace(expr)).legend_format(legend).range()


def quantiles(histogram: str, window: str, *wanted: tuple[float, str], by: str = "") -> list[PrometheusQuery]:
    """Queries of a histogram's quantiles over a window, with their legends."""
    labels = f"{by}, le" if by else "le"
    return [
        query(f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket[{window}])))", legend, ref=ref)
        for (share, legend), ref in zip(wanted, "ABC", strict=False)
    ]


def per_minute(counter: str, *by: str) -> str:
    """How many a minute come on a counter, by some labels."""
    return f"60 * sum by ({', '.join(by)}) (rate({counter}[$__rate_interval]))"


def grown(metric: str, window: str) -> str:
    """By how much the series of a counter have grown. One that began within the window has grown by all it holds.

    `increase` alone misses that: a counter with labels is first seen at 1, and for rare things that is all there is.
    """
    return f"({metric} unless {metric} offset {window} or increase({metric}[{window}]))"


def now(expr: str, legend: str = "", *, ref: str = "A", table: bool = False) -> PrometheusQuery:
    """A query of Prometheus for the present only."""
    built = PrometheusQuery().datasource(PROMETHEUS).ref_id(ref)
    built = built.expr(in_namespace(expr)).legend_format(legend).instant()
    return built.format(PromQueryFormat.TABLE) if table else built


@dataclass
class Columns(Dataquery):
    """A query of alerting's API: one row for each item, each column a path inside it."""

    path: str
    items: str
    columns: tuple[tuple[str, str, str], ...]
    ref_id: str = "A"

    def to_json(self) -> dict[str, Any]:
        """As the Infinity data source takes it."""
        return {
            "datasource": ALERTING.to_json(),
            "refId": self.ref_id,
            "type": "json",
            "source": "url",
            "parser": "backend",
            "format": "table",
            "url": self.path,
            "url_options": {"method": "GET"},
            "root_selector": self.items,
            "columns": [{"selector": path, "text": name, "type": kind} for path, name, kind in self.columns],
        }


@dataclass
class Built(Builder[Any]):
    """A finished part, for the SDK's methods that want a builder."""

    part: Any

    def build(self) -> Any:
        """The part."""
        return self.part


def ask(path: str, items: str, *columns: tuple[str, str, str], ref: str = "A") -> Built:
    """A query of alerting's API: `ask("/v1/sites", "items", ("id", "Site", "string"), ...)`."""
    return Built(Columns(path, items, columns, ref))


def transformation(name: str, *, only: str | None = None, **options: Any) -> DataTransformerConfig:
    """A step that reshapes a panel's data, or that of one of its queries only."""
    limited = MatcherConfig(id_val="byRefId", options=only) if only else None
    return DataTransformerConfig(id_val=name, filter_val=limited, options=options)


def look(**properties: Any) -> list[DynamicConfigValue]:
    """How one field is shown: `look(unit="percentunit", custom__width=90)`; two underscores stand for a dot."""
    return [DynamicConfigValue(id_val=name.replace("__", "."), value=value) for name, value in properties.items()]
