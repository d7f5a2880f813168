"""Records, scenes, sources and receivers."""

from deploy.tests.scenarios.world import Alert, Scenario, alert, change, then

DETECTOR = {"job": "railwatch-detector"}
INGEST = {"job": "railwatch-ingest"}
ALERTING = {"job": "railwatch-alerting"}
OF_DETECTOR = {**DETECTOR, "group": "railwatch-detector"}
OF_STAC = {**INGEST, "source": "stac"}
TO_DESK = {**ALERTING, "group": "railwatch-alerting-to-desk", "receiver": "desk"}


def lagging(*severities: str, **labels: str) -> list[Alert]:
    """That records are old."""
    return [alert("RailwatchLagging", severity, **labels) for severity in severities]


CONSUMERS = (
    Scenario(
        "a consumer stops with records waiting, and another one works through its own",
        (
            change("railwatch_lag_records", "1x60", **DETECTOR),
            change("railwatch_records_handled_total", "0+1x10 10x60", outcome="done", **DETECTOR),
            change("railwatch_lag_records", "500x60", namespace="staging", **DETECTOR),
        ),
        (then("25m"), then("40m", alert("RailwatchConsumerStuck", "critical", **OF_DETECTOR))),
        samples=60,
    ),
    Scenario(
        "one replica of three is late: a warning, and an hour later a page",
        (
            change("railwatch_lag_seconds", "0+60x90", instance="detector-b"),
            change("railwatch_lag_records", "100000x90", instance="detector-a"),
        ),
        (
            then("15m"),
            then("30m", *lagging("warning", **OF_DETECTOR)),
            then("70m", *lagging("critical", **OF_DETECTOR), inhibited=lagging("warning", **OF_DETECTOR)),
        ),
        samples=90,
    ),
    Scenario(
        "nobody works for a group, which looks idle",
        (change("railwatch_partitions_assigned", "4x10 0x40", **DETECTOR),),
        (then("15m"), then("30m", alert("RailwatchPartitionsUnassigned", "critical", **OF_DETECTOR))),
        samples=50,
    ),
    Scenario(
        "one replica of three holds its partitions and is gone, and nobody takes them over",
        (change("railwatch_partitions_assigned", "4x10 stale", instance="detector-c"),),
        (then("15m"), then("30m", alert("RailwatchPartitionsUnassigned", "critical", **OF_DETECTOR))),
        samples=50,
    ),
    Scenario(
        "a rebalance takes some minutes",
        (change("railwatch_partitions_assigned", "4x10 0x5 4x40", **DETECTOR),),
        (then("14m"), then("30m")),
        samples=50,
    ),
    Scenario(
        "the autoscaler may add no more, and records grow old; the other installation's wave is young",
        (
            change("kube_horizontalpodautoscaler_status_current_replicas", "8x90"),
            change("kube_horizontalpodautoscaler_status_current_replicas", "8x90", namespace="staging"),
            change(
                "kube_horizontalpodautoscaler_status_current_replicas",
                "2x90",
                horizontalpodautoscaler="keda-hpa-railwatch-ingest",
            ),
            change(
                "kube_horizontalpodautoscaler_status_current_replicas",
                "2x90",
                horizontalpodautoscaler="keda-hpa-railwatch-ingest",
                namespace="staging",
            ),
            change("railwatch_lag_seconds", "0+60x90", instance="detector-a"),
        ),
        (
            then("10m"),
            then(
                "40m",
                alert("RailwatchAutoscalerAtCeiling", "warning", **DETECTOR),
                inhibited=lagging("warning", **OF_DETECTOR),
            ),
            then(
                "80m",
                alert("RailwatchAutoscalerAtCeiling", "warning", **DETECTOR),
                *lagging("critical", **OF_DETECTOR),
                inhibited=lagging("warning", **OF_DETECTOR),
            ),
        ),
        samples=90,
    ),
)

SCENES = (
    Scenario(
        "ingest puts every scene off for 100 minutes, and its source is not looked through",
        (
            change("railwatch_scenes_total", "0+1x24 25x100", outcome="published"),
            change("railwatch_scenes_total", "0x24 0+1x100", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_scenes_total", "0x24 0+1x100", outcome="deferred", reason="", **OF_STAC),
            change("railwatch_source_complete_timestamp_seconds", "0+300x24 7200x100"),
            change("railwatch_site_look_overdue_seconds", "0x24 60x100", miss="look"),
        ),
        (
            then("150m"),
            then(
                "220m",
                alert("RailwatchScenesDeferred", "critical", **INGEST),
                inhibited=[
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                    alert("RailwatchMissedLooks", "critical"),
                    alert("SiteNotSeen", "warning", site="khasan", miss="look"),
                ],
            ),
            then(
                "600m",
                alert("RailwatchScenesDeferred", "critical", **INGEST),
                inhibited=[
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                    alert("RailwatchSourceLagging", "warning", **OF_STAC),
                    alert("RailwatchMissedLooks", "critical"),
                    alert("SiteNotSeen", "warning", site="khasan", miss="look"),
                ],
            ),
        ),
        step_s=300,
        samples=124,
        posted=(alert("SiteNotSeen", "warning", site="khasan", miss="look"),),
    ),
    Scenario(
        "one source of two puts everything off, and a replica of the other a single scene",
        (
            change("railwatch_scenes_total", "50x120", outcome="published", **OF_STAC),
            change("railwatch_scenes_total", "0+1x120", outcome="deferred", reason="", instance="ingest-b", **OF_STAC),
            change("railwatch_scenes_total", "_x6 1x114", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_source_complete_timestamp_seconds", "0x120"),
        ),
        (
            then("50m"),
            then("120m", alert("RailwatchScenesDeferred", "warning", **OF_STAC)),
            then(
                "420m",
                alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                inhibited=[alert("RailwatchSourceLagging", "warning", **OF_STAC)],
            ),
        ),
        step_s=300,
        samples=120,
    ),
    Scenario(
        "a scene is put off again and again, and another one of its source comes in as the first ever",
        (
            change("railwatch_scenes_total", "0+1x200", outcome="deferred", reason="", source="drop", **INGEST),
            change("railwatch_scenes_total", "_x60 1x200", outcome="published", reason="", source="drop", **INGEST),
        ),
        (then("70m"), then("110m"), then("130m", alert("RailwatchScenesDeferred", "warning", source="drop", **INGEST))),
    ),
    Scenario(
        "a single upload is no picture: its sender was told, and nobody else is",
        (
            change("railwatch_dead_letters_total", "_x30 1x200", reason="format-unsupported", **INGEST),
            change(
                "railwatch_scenes_total",
                "_x30 1x200",
                source="api",
                outcome="rejected",
                reason="format-unsupported",
                **INGEST,
            ),
        ),
        (then("40m"), then("100m")),
    ),
    Scenario(
        "a provider has changed its format, and most of its scenes are refused",
        (
            change("railwatch_scenes_total", "0+0.1x240", outcome="rejected", reason="bands-unsupported", **OF_STAC),
            change("railwatch_scenes_total", "0+0.02x240", outcome="published", **OF_STAC),
            change(
                "railwatch_scenes_total",
                "0+0.1x240",
                outcome="rejected",
                reason="bands-unsupported",
                namespace="staging",
                **OF_STAC,
            ),
        ),
        (then("30m"), then("90m", alert("RailwatchScenesRefused", "warning", **OF_STAC))),
    ),
    Scenario(
        "a first dead letter of our own is seen although its counter begins at 1, and is forgotten after an hour",
        (
            change(
                "railwatch_dead_letters_total", "_x30 1x200", instance="detector-b", reason="blob-missing", **DETECTOR
            ),
        ),
        (
            then("20m"),
            then("70m", alert("RailwatchDeadLetters", "warning", reason="blob-missing", **DETECTOR)),
            then("120m"),
        ),
    ),
    Scenario(
        "a fault of ingest itself is not taken for a sender's mistake",
        (change("railwatch_dead_letters_total", "_x30 1x200", instance="ingest-a", reason="internal-error", **INGEST),),
        (then("70m", alert("RailwatchDeadLetters", "warning", reason="internal-error", **INGEST)),),
    ),
    Scenario(
        "a STAC API fails for two hours; a directory fails for a moment; the other installation's API is well",
        (
            change("railwatch_source_failures_total", "0x12 0+1x24 24x40", instance="ingest-a"),
            change("railwatch_source_failures_total", "0x12 5x60", source="drop", **INGEST),
            change("railwatch_source_complete_timestamp_seconds", "0x80"),
            change("railwatch_scenes_total", "0x80", outcome="published", **OF_STAC),
            change("railwatch_scenes_total", "0x12 0+1x24 24x40", outcome="deferred", reason="", **OF_STAC),
        ),
        (
            then("80m"),
            then(
                "150m",
                alert("RailwatchSourceFailing", "warning", **OF_STAC),
                inhibited=[alert("RailwatchScenesDeferred", "warning", **OF_STAC)],
            ),
            then("270m"),
        ),
        step_s=300,
        samples=76,
    ),
    Scenario(
        "a source fails for longer than it takes to look through it",
        (
            change("railwatch_source_failures_total", "0+1x100", instance="ingest-b"),
            change("railwatch_source_complete_timestamp_seconds", "0x100"),
        ),
        (
            then(
                "420m",
                alert("RailwatchSourceFailing", "warning", **OF_STAC),
                inhibited=[alert("RailwatchSourceLagging", "warning", **OF_STAC)],
            ),
        ),
        step_s=300,
        samples=100,
    ),
    Scenario(
        "a source puts something off at each poll, until another replica has its turn",
        (
            change("railwatch_source_complete_timestamp_seconds", "0x100"),
            change("railwatch_source_complete_timestamp_seconds", "0x90 27000x10", instance="ingest-b"),
        ),
        (then("6h"), then("7h", alert("RailwatchSourceLagging", "warning", **OF_STAC)), then("8h")),
        step_s=300,
        samples=100,
    ),
)

RECEIVERS = (
    Scenario(
        "one receiver of two takes nothing: one alert, whatever follows from it",
        (
            change("railwatch_delivery_healthy", "1x2 0x100", receiver="desk"),
            change("railwatch_deliveries_total", "0x2 0+1x100", receiver="desk", outcome="failed"),
            change("railwatch_deliveries_total", "0x72 0+0.5x40", receiver="desk", outcome="given-up"),
            change("railwatch_delivery_seconds_count", "0+0.5x2 1x100", receiver="desk"),
            change("railwatch_delivery_seconds_bucket", "0+0.5x2 1x100", receiver="desk"),
            change("railwatch_lag_seconds", "0x2 0+300x100", group="railwatch-alerting-to-desk"),
            change("railwatch_lag_records", "0x2 3x100", group="railwatch-alerting-to-desk"),
            change("railwatch_records_handled_total", "5x102", group="railwatch-alerting-to-desk"),
            change("railwatch_dead_letters_total", "_x74 1x28", reason="undelivered-desk", **ALERTING),
        ),
        (
            then("15m"),
            then("20m", alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING)),
            then(
                "400m",
                alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING),
                inhibited=[
                    *lagging("warning", "critical", **TO_DESK),
                    alert("RailwatchConsumerStuck", "critical", **TO_DESK),
                    alert("RailwatchDeadLetters", "warning", receiver="desk", reason="undelivered-desk", **ALERTING),
                    alert("RailwatchAlertsLate", "critical", receiver="desk"),
                    alert("RailwatchAlertsLate", "warning", receiver="desk"),
                ],
            ),
        ),
        step_s=300,
        samples=102,
    ),
    Scenario(
        "one replica cannot deliver although the other one did long ago, until it can again",
        (
            change("railwatch_delivery_healthy", "1x10 0x60 1x60", instance="alerting-a", receiver="desk"),
            change(
                "railwatch_deliveries_total",
                "0x10 0+1x60 60x60",
                instance="alerting-a",
                receiver="desk",
                outcome="failed",
            ),
        ),
        (
            then("12m"),
            then("30m", alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING)),
            then("75m"),
        ),
        samples=120,
    ),
    Scenario(
        "a replica failed once, and another one has its partitions since",
        (
            change("railwatch_delivery_healthy", "1x10 0x120", instance="alerting-a", receiver="desk"),
            change(
                "railwatch_deliveries_total", "0x10 1x120", instance="alerting-a", receiver="desk", outcome="failed"
            ),
        ),
        (then("60m"),),
        samples=120,
    ),
)

SCENARIOS = (*CONSUMERS, *SCENES, *RECEIVERS)
