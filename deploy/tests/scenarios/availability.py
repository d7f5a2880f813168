"""Services, replicas, and what they need."""

from deploy.tests.scenarios.world import ALERTING, DETECTOR, INGEST, OF_DETECTOR, Scenario, alert, change, then

SCENARIOS = (
    Scenario("two healthy installations raise nothing", (), (then("1m"), then("70m"))),
    Scenario(
        "a service answers nowhere while another installation has it, and while its targets are still known",
        (change("up", "1x5 0x60", **DETECTOR),),
        (
            then("6m"),
            then("10m", alert("RailwatchServiceAway", "critical", **DETECTOR)),
            then(
                "30m",
                alert("RailwatchServiceAway", "critical", **DETECTOR),
                inhibited=[alert("RailwatchReplicaAway", "warning", **DETECTOR)],
            ),
        ),
        samples=60,
    ),
    Scenario(
        "a service whose targets have vanished is missed although another installation has it",
        (change("up", "1x5 stale", **ALERTING),),
        (then("6m"), then("15m", alert("RailwatchServiceAway", "critical", **ALERTING))),
    ),
    Scenario(
        "an installation that has vanished altogether is missed although another one is there",
        (change("up", "1x5 stale"),),
        (
            then(
                "15m",
                *(alert("RailwatchServiceAway", "critical", job=job["job"]) for job in (INGEST, DETECTOR, ALERTING)),
            ),
        ),
    ),
    Scenario(
        "one replica of two does not answer for an hour, while its target is still known",
        (change("up", "1x5 0x90 1x20", instance="ingest-a"),),
        (
            then("15m"),
            then("60m", alert("RailwatchReplicaAway", "warning", **INGEST)),
            then("110m"),
        ),
    ),
    Scenario(
        "one replica of two is gone for an hour, which only kube-state-metrics knows",
        (
            change("up", "1x5 stale", instance="alerting-b"),
            change("kube_deployment_status_replicas_available", "2x5 1x90", deployment="railwatch-alerting"),
            change("railwatch_partitions_assigned", "6x5 12x90", instance="alerting-a"),
            change("railwatch_partitions_assigned", "6x5 stale", instance="alerting-b"),
        ),
        (then("15m"), then("60m", alert("RailwatchReplicaAway", "warning", **ALERTING))),
    ),
    Scenario(
        "a pod crashes again and again; others were restarted once",
        (
            change("kube_pod_container_status_restarts_total", "0x20 1x5 2x5 3x5 4x60", pod="railwatch-detector-5d8-b"),
            change("kube_pod_container_status_restarts_total", "0x20 1x80", pod="railwatch-ingest-5d8-a"),
            change("kube_deployment_status_replicas_available", "3x20 2x80", deployment="railwatch-detector"),
        ),
        (
            then("25m"),
            then(
                "40m",
                alert("RailwatchRestarting", "warning", **DETECTOR),
                inhibited=[alert("RailwatchReplicaAway", "warning", **DETECTOR)],
            ),
        ),
        samples=100,
    ),
    Scenario(
        "a service without Kubernetes is started again and again",
        (change("process_start_time_seconds", "1x20 2x5 3x5 4x5 5x60", instance="ingest-a"),),
        (then("25m"), then("40m", alert("RailwatchRestarting", "warning", **INGEST)), then("90m")),
        samples=100,
    ),
    Scenario(
        "all replicas of a service crash: what follows is inhibited",
        (
            change("up", "1x20 0x60", **DETECTOR),
            change("kube_pod_container_status_restarts_total", "0x20 1x5 2x5 3x5 4x60", pod="railwatch-detector-5d8-b"),
        ),
        (
            then(
                "40m",
                alert("RailwatchServiceAway", "critical", **DETECTOR),
                inhibited=[
                    alert("RailwatchReplicaAway", "warning", **DETECTOR),
                    alert("RailwatchRestarting", "warning", **DETECTOR),
                ],
            ),
        ),
        samples=80,
    ),
    Scenario(
        "ingest dies after an hour in which it took nothing in",
        (
            change("railwatch_scenes_total", "50x70 stale", outcome="published"),
            change("railwatch_scenes_total", "0+1x70 stale", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_http_responses_total", "0+3x70 stale", status="503", **INGEST),
            change("up", "1x70 0x30", **INGEST),
        ),
        (
            then(
                "76m",
                alert("RailwatchServiceAway", "critical", **INGEST),
                inhibited=[
                    alert("RailwatchScenesDeferred", "critical", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchServerErrors", "warning", **INGEST),
                ],
            ),
        ),
        samples=100,
    ),
    Scenario(
        "one replica of three is without the object store: a warning, and no page",
        (
            change("railwatch_ready", "1x4 0x60", instance="detector-b", dependency="blobs"),
            change("kube_deployment_status_replicas_available", "3x4 2x60", deployment="railwatch-detector"),
        ),
        (
            then("6m"),
            then("12m", alert("RailwatchDependencyAway", "warning", dependency="blobs", **DETECTOR)),
            then(
                "30m",
                alert("RailwatchDependencyAway", "warning", dependency="blobs", **DETECTOR),
                inhibited=[alert("RailwatchReplicaAway", "warning", **DETECTOR)],
            ),
        ),
        samples=60,
    ),
    Scenario(
        "Redis goes away for all of one service: it lags, and only the cause is told, in its own installation",
        (
            change("railwatch_ready", "1x4 0x120 1x10", dependency="redis", **DETECTOR),
            change("railwatch_lag_records", "0x4 30x120", instance="detector-a"),
            change("railwatch_lag_seconds", "0x4 0+60x120", instance="detector-a"),
            change("railwatch_records_handled_total", "4x130", **DETECTOR),
            change("kube_deployment_status_replicas_available", "3x4 0x120 3x10", deployment="railwatch-detector"),
            change(
                "kube_horizontalpodautoscaler_status_current_replicas",
                "8x130",
                horizontalpodautoscaler="keda-hpa-railwatch-detector",
            ),
            # What happens in the other installation meanwhile has another cause.
            change("railwatch_lag_seconds", "0+60x130", instance="detector-a", namespace="staging"),
        ),
        (
            then("6m"),
            then(
                "80m",
                alert("RailwatchDependencyAway", "critical", dependency="redis", **DETECTOR),
                alert("RailwatchLagging", "critical", "staging", **OF_DETECTOR),
                inhibited=[
                    alert("RailwatchDependencyAway", "warning", dependency="redis", **DETECTOR),
                    alert("RailwatchReplicaAway", "warning", **DETECTOR),
                    alert("RailwatchAutoscalerAtCeiling", "warning", **DETECTOR),
                    alert("RailwatchConsumerStuck", "critical", **OF_DETECTOR),
                    alert("RailwatchLagging", "critical", **OF_DETECTOR),
                    alert("RailwatchLagging", "warning", **OF_DETECTOR),
                    alert("RailwatchLagging", "warning", "staging", **OF_DETECTOR),
                ],
            ),
        ),
        samples=130,
    ),
    Scenario(
        "the other installation's missing object store hides nothing of this one",
        (
            change("railwatch_ready", "0x120", dependency="blobs", namespace="staging", **DETECTOR),
            change("railwatch_delivery_healthy", "0x120", receiver="desk"),
            change("railwatch_lag_records", "30x120", instance="detector-a"),
            change("railwatch_lag_seconds", "0+60x120", instance="detector-a"),
            change("railwatch_records_handled_total", "4x120", **DETECTOR),
            change("railwatch_site_look_overdue_seconds", "60x120", miss="look"),
        ),
        (
            then(
                "80m",
                alert("RailwatchDependencyAway", "critical", "staging", dependency="blobs", **DETECTOR),
                alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING),
                alert("RailwatchConsumerStuck", "critical", **OF_DETECTOR),
                alert("RailwatchLagging", "critical", **OF_DETECTOR),
                alert("RailwatchMissedLooks", "critical"),
                inhibited=[
                    alert("RailwatchDependencyAway", "warning", "staging", dependency="blobs", **DETECTOR),
                    alert("RailwatchLagging", "warning", **OF_DETECTOR),
                ],
            ),
        ),
        samples=120,
    ),
)
