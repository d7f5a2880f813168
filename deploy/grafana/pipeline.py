"""*Pipeline*: whether work flows, how late it is, and what goes wrong."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from deploy.grafana.health import health, objectives
from deploy.grafana.kit import (
    BAD_ABOVE_0,
    GREEN,
    RED,
    SERVICES,
    YELLOW,
    Steps,
    dashboard,
    grown,
    panel,
    per_minute,
    quantiles,
    query,
    section,
)

LAG: Steps = ((None, GREEN), (900, YELLOW), (3600, RED))
HALF_AND_MOST = ((0.5, "{{group}}: half"), (0.95, "{{group}}: 95 %"))
# Long enough to hold looks at a site that is seen once a week.
WINDOW = "7d"


def make() -> Dashboard:
    """The dashboard."""
    board = dashboard(
        "pipeline", "Railwatch / Pipeline", "Does work flow, how late is it, and what goes wrong?", "now-6h"
    )
    for part in (health, objectives, _latency, _throughput, _errors, _resources):
        board = part(board)
    return board


def _latency(board: Dashboard) -> Dashboard:
    lag = panel(
        TimeSeries(),
        "Age of the oldest unfinished record",
        "How late each consumer is. Above 15 minutes RailwatchLagging warns; above an hour it is critical.",
        "s",
        query("max by (group) (railwatch_lag_seconds)", "{{group}}"),
        size=(12, 8),
        steps=LAG,
    )
    waiting = panel(
        TimeSeries(),
        "Records that wait",
        "Many young records are a wave of work; few old records are a fault.",
        "short",
        query("sum by (group) (railwatch_lag_records)", "{{group}}"),
        size=(12, 8),
    )
    arrival = panel(
        TimeSeries(),
        "From arrival to done",
        "Time from the arrival of a scene in Railwatch to the end of each service's work on it: half of the records "
        "the week before took less than the lower line, all but 5 % less than the upper.",
        "s",
        *quantiles("railwatch_end_to_end_seconds", WINDOW, *HALF_AND_MOST, by="group"),
        size=(12, 8),
        steps=LAG,
    )
    observed = panel(
        TimeSeries(),
        "From the satellite's look to done",
        "Most of this passes at the provider. When it grows and the panel beside it does not, ask the provider.",
        "s",
        *quantiles("railwatch_observed_to_done_seconds", WINDOW, *HALF_AND_MOST, by="group"),
        size=(12, 8),
    )
    return section(board, "Latency", lag, waiting, arrival, observed)


def _throughput(board: Dashboard) -> Dashboard:
    handled = panel(
        TimeSeries(),
        "Records finished",
        "By consumer and outcome.",
        "cpm",
        query(
            per_minute("railwatch_records_handled_total", "group", "outcome"),
            "{{group}}: {{outcome}}",
        ),
    )
    scenes = panel(
        TimeSeries(),
        "Scenes that came in",
        "By source and outcome. `known` ones were taken before and published nothing; `deferred` ones are tried again.",
        "cpm",
        query(per_minute("railwatch_scenes_total", "source", "outcome"), "{{source}}: {{outcome}}"),
    )
    handling = panel(
        TimeSeries(),
        "Time of one record",
        "What handling one record took, all but the slowest 5 %, and what taking in one scene took.",
        "s",
        query(
            "histogram_quantile(0.95, sum by (group, le) (rate(railwatch_handle_seconds_bucket[7d])))",
            "{{group}}",
        ),
        query(
            "histogram_quantile(0.95, sum by (le) (rate(railwatch_ingest_seconds_bucket[7d])))",
            "ingest, by scene",
            ref="B",
        ),
    )
    return section(board, "Throughput", handled, scenes, handling)


def _errors(board: Dashboard) -> Dashboard:
    letters = panel(
        TimeSeries(),
        "Dead letters within the hour",
        "What could not be processed, by reason. Each is kept in the dead-letter topic; the runbook "
        "RailwatchDeadLetters says how to read it and what to do.",
        "short",
        query("sum by (job, reason) (railwatch:dead_letters:increase1h)", "{{job}}: {{reason}}"),
        steps=BAD_ABOVE_0,
    )
    retries = panel(
        TimeSeries(),
        "Retries",
        "Attempts that failed in a way that may pass: the cause is in the log of the service, by event id.",
        "cpm",
        query(per_minute("railwatch_handle_retries_total", "group"), "{{group}}: handling"),
        query(
            per_minute("railwatch_publish_retries_total", "group"),
            "{{group}}: publishing",
            ref="B",
        ),
        query(
            per_minute("railwatch_commits_refused_total", "group"),
            "{{group}}: refused commits",
            ref="C",
        ),
    )
    deliveries = panel(
        TimeSeries(),
        "Deliveries of alerts",
        "Attempts within a day, by receiver and outcome. `failed` ones are tried again; `given-up` ones are dead "
        "letters.",
        "short",
        query(f"sum by (receiver, outcome) {grown('railwatch_deliveries_total', '1d')}", "{{receiver}}: {{outcome}}"),
    )
    answers = panel(
        TimeSeries(),
        "Answers by status",
        "Answers to requests. Many 401 or 403: a sender's token is not valid any more. 5xx: the service's own faults.",
        "cpm",
        query(per_minute("railwatch_http_responses_total", "job", "status"), "{{job}}: {{status}}"),
        size=(24, 7),
    )
    return section(board, "Errors", letters, retries, deliveries, answers)


def _resources(board: Dashboard) -> Dashboard:
    cpu = panel(
        TimeSeries(),
        "Processor",
        "Cores in use by replica. The detector is given one each: at 1 it is busy all the time.",
        "short",
        query(f"rate(process_cpu_seconds_total{{{SERVICES}}}[$__rate_interval])", "{{job}} {{instance}}"),
        size=(12, 8),
        steps=((None, GREEN), (0.9, YELLOW)),
    )
    memory = panel(
        TimeSeries(),
        "Memory",
        "Resident memory by replica; the limits are in the manifests.",
        "bytes",
        query(f"process_resident_memory_bytes{{{SERVICES}}}", "{{job}} {{instance}}"),
        size=(12, 8),
    )
    redis = panel(
        TimeSeries(),
        "Memory of Redis",
        "What it uses and its limit; 0 is no limit. When it is full, every service waits.",
        "bytes",
        query("max(railwatch_redis_memory_used_bytes)", "used"),
        query("max(railwatch_redis_memory_max_bytes)", "limit", ref="B"),
        size=(24, 7),
    )
    return section(board, "Resources", cpu, memory, redis)
