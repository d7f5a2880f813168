"""The first rows of *Pipeline*: is everything there, and is what was promised kept?"""

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
    look,
    now,
    panel,
    query,
    section,
    transformation,
)


def health(board: Dashboard) -> Dashboard:
    """What the services need, which replicas there are, and the alerts that fire."""
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


def objectives(board: Dashboard) -> Dashboard:
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
