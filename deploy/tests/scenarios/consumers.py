"""Records that wait, and who works on them."""

from deploy.tests.scenarios.world import DETECTOR, OF_DETECTOR, Scenario, alert, change, then

SCENARIOS = (
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
            then("30m", alert("RailwatchLagging", "warning", **OF_DETECTOR)),
            then(
                "70m",
                alert("RailwatchLagging", "critical", **OF_DETECTOR),
                inhibited=[alert("RailwatchLagging", "warning", **OF_DETECTOR)],
            ),
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
                inhibited=[alert("RailwatchLagging", "warning", **OF_DETECTOR)],
            ),
            then(
                "80m",
                alert("RailwatchAutoscalerAtCeiling", "warning", **DETECTOR),
                alert("RailwatchLagging", "critical", **OF_DETECTOR),
                inhibited=[alert("RailwatchLagging", "warning", **OF_DETECTOR)],
            ),
        ),
        samples=90,
    ),
)
