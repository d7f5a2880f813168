"""*Pipeline*: whether work flows, how late it is, and what goes wrong."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from deploy.grafana.kit import (
    BAD_ABOVE_0,
    GREEN,
    RED,
    SERVICES,
    YELLOW,
    Steps,
    dashboard,
    grown,
    look,
    now,
    panel,
    quantiles,
    query,
    section,
    transformation,
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
    for part in (_health, _objectives, _latency, _throughput, _errors, _resources):
        board = part(board)
    return board


def _health(board: Dashboard) -> Dashboard:
    ready = panel(
        Stat(),
        "What the services need",
        "The worst answer of any replica when its readiness was last asked. At 0, see the runbook "
        "RailwatchDependencyAway: the services wait and recover by themselves.",
        "bool_yes_no",
        now("min by (job, dependency) (railwatch_ready)", "{{job}}: {{dependency}}"),
        size=(8, 6),
        steps=((None, RED), (1, GREEN)),
    )
    replicas = panel(
        Stat(),
        "Replicas that answer",
        "Replicas whose metrics Prometheus could read, and how many there should be (from kube-state-metrics).",
        "short",
        now(f"sum by (job) (up{{{SERVICES}}})", "{{job}}"),
        now(
            f"sum by (deployment) (kube_deployment_spec_replicas{{{SERVICES.replace('job', 'deployment')}}})",
            "{{deployment}}: expected",
            ref="B",
        ),
        size=(8, 6),
        steps=((None, RED), (1, GREEN)),
    )
    progress = panel(
        Stat(),
        "Since the loop last came round",
        "Of the slowest replica. It turns several times a second; after a minute the service counts as stuck and is "
        "restarted.",
        "s",
        now("max by (job) (railwatch_progress_age_seconds)", "{{job}}"),
        size=(8, 6),
        steps=((None, GREEN), (15, YELLOW), (60, RED)),
    )
    firing = (
        panel(
            Table(),
            "Alerts that fire",
            "What Prometheus' rules say is wrong now; Alertmanager tells people of the causes among them. Each has a "
            "page in docs/runbooks.",
            "short",
            now('ALERTS{alertstate="firing", alertname=~"Railwatch.+", severity!="none"}', table=True),
            size=(24, 7),
            steps=BAD_ABOVE_0,
        )
        .with_transformation(
            transformation(
                "organize",
                excludeByName=dict.fromkeys(("Time", "Value", "__name__", "alertstate"), True),
                renameByName={"alertname": "Alert", "severity": "Severity", "namespace": "Namespace", "job": "Service"},
            )
        )
        .override_by_name("Severity", look(custom__cellOptions={"type": "color-text"}))
    )
    return section(board, "Health", ready, replicas, progress, firing)


def _objectives(board: Dashboard) -> Dashboard:
    """How much of what was promised is kept; the rules have the same windows."""

    def kept(what: str) -> str:
        return f"1 - railwatch:{what}_late:increase3d / railwatch:{what}:increase3d"

    steps: Steps = ((None, RED), (0.98, YELLOW), (0.99, GREEN))
    looks = panel(
        TimeSeries(),
        "Looks judged in time",
        "Share of looks of three days that were judged within 30 minutes of arrival. The objective is 99 %; "
        "RailwatchLooksLate tells when it is missed.",
        "percentunit",
        query(kept("looks"), "looks"),
        size=(8, 7),
        steps=steps,
    )
    alerts = panel(
        TimeSeries(),
        "Alerts delivered in time",
        "Share of transitions of alerts of three days that each receiver had within 5 minutes. The objective is 99 %.",
        "percentunit",
        query(kept("deliveries"), "{{receiver}}"),
        size=(8, 7),
        steps=steps,
    )
    partitions = panel(
        TimeSeries(),
        "Partitions that nobody works on",
        "Records in them wait, and no lag tells of it: RailwatchPartitionsUnassigned.",
        "short",
        query(
            "max by (group) (railwatch_partitions) - sum by (group) (railwatch_partitions_assigned)",
            "{{group}}",
        ),
        size=(8, 7),
        steps=BAD_ABOVE_0,
    )
    return section(board, "Objectives", looks, alerts, partitions)


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
            "60 * sum by (group, outcome) (rate(railwatch_records_handled_total[$__rate_interval]))",
            "{{group}}: {{outcome}}",
        ),
    )
    scenes = panel(
        TimeSeries(),
        "Scenes that came in",
        "By source and outcome. `known` ones were taken before and published nothing; `deferred` ones are tried again.",
        "cpm",
        query(
            "60 * sum by (source, outcome) (rate(railwatch_scenes_total[$__rate_interval]))", "{{source}}: {{outcome}}"
        ),
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
        query("60 * sum by (group) (rate(railwatch_handle_retries_total[$__rate_interval]))", "{{group}}: handling"),
        query(
            "60 * sum by (group) (rate(railwatch_publish_retries_total[$__rate_interval]))",
            "{{group}}: publishing",
            ref="B",
        ),
        query(
            "60 * sum by (group) (rate(railwatch_commits_refused_total[$__rate_interval]))",
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
        query(
            "60 * sum by (job, status) (rate(railwatch_http_responses_total[$__rate_interval]))", "{{job}}: {{status}}"
        ),
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
