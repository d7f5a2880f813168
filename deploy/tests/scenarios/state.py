"""Kafka, Redis, disks, tokens and certificates."""

from deploy.tests.scenarios.world import (
    ALERTING,
    DAY_S,
    DETECTOR,
    EVERY_SERVICE,
    INGEST,
    OF_DETECTOR,
    YEAR_S,
    Alert,
    Scenario,
    alert,
    change,
    then,
)

VOLUME = {"persistentvolumeclaim": "data-0-railwatch-broker-1"}


def without(dependency: str, *severities: str) -> list[Alert]:
    """That all services lack something."""
    return [
        alert("RailwatchDependencyAway", severity, dependency=dependency, **service)
        for service in EVERY_SERVICE
        for severity in severities
    ]


SCENARIOS = (
    Scenario(
        "a broker is lost for a while: copies are missing, and nothing else",
        (
            change("kafka_server_replicamanager_underreplicatedpartitions", "0x10 40x60", pod="railwatch-broker-1"),
            change(
                "kafka_server_replicamanager_underreplicatedpartitions",
                "0x10 2x3 0x60",
                pod="railwatch-broker-1",
                namespace="staging",
            ),
        ),
        (then("20m"), then("40m", alert("RailwatchKafkaUnderReplicated", "warning"))),
        samples=70,
    ),
    Scenario(
        "Kafka Exporter alone knows that copies are missing",
        (
            change("kafka_server_replicamanager_underreplicatedpartitions", None),
            change(
                "kafka_topic_partition_under_replicated_partition", "1x60", topic="railwatch.tiles.v1", partition="3"
            ),
            change(
                "kafka_topic_partition_under_replicated_partition", "0x60", topic="railwatch.tiles.v1", partition="4"
            ),
            change(
                "kafka_topic_partition_under_replicated_partition", "1x60", topic="somebody.elses", namespace="staging"
            ),
        ),
        (then("40m", alert("RailwatchKafkaUnderReplicated", "warning")),),
        samples=60,
    ),
    Scenario(
        "Kafka has lost two brokers of three, and every service waits: one cause is told",
        (
            change("kafka_server_replicamanager_underreplicatedpartitions", "0x10 40x60"),
            change("kafka_server_replicamanager_underminisrpartitioncount", "0x10 13x60", pod="railwatch-broker-0"),
            change("railwatch_ready", "1x10 0x60", dependency="kafka"),
            change("railwatch_partitions_assigned", "4x10 0x60", **DETECTOR),
            change("railwatch_scenes_total", "50x70", outcome="published"),
            change("railwatch_scenes_total", "0+1x70", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_http_responses_total", "0+3x70", status="503", **INGEST),
        ),
        (
            then(
                "65m",
                alert("RailwatchKafkaUnderReplicated", "critical"),
                inhibited=[
                    alert("RailwatchKafkaUnderReplicated", "warning"),
                    *without("kafka", "critical", "warning"),
                    alert("RailwatchPartitionsUnassigned", "critical", **OF_DETECTOR),
                    alert("RailwatchScenesDeferred", "critical", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchServerErrors", "warning", **INGEST),
                ],
            ),
        ),
        samples=70,
    ),
    Scenario(
        "partitions of Kafka have no leader",
        (
            change("kafka_controller_kafkacontroller_offlinepartitionscount", "0x10 5x60", pod="railwatch-broker-2"),
            change("kafka_server_replicamanager_underreplicatedpartitions", "0x10 40x60", pod="railwatch-broker-1"),
            change("kafka_server_replicamanager_underminisrpartitioncount", "0x10 13x60", pod="railwatch-broker-0"),
            change("railwatch_ready", "1x10 0x60", dependency="kafka"),
        ),
        (
            then(
                "40m",
                alert("RailwatchKafkaOffline", "critical"),
                inhibited=[
                    alert("RailwatchKafkaUnderReplicated", "critical"),
                    alert("RailwatchKafkaUnderReplicated", "warning"),
                    *without("kafka", "critical", "warning"),
                ],
            ),
        ),
        samples=70,
    ),
    Scenario(
        "a broker's disk is full in three weeks at the rate of this one",
        (
            change("kubelet_volume_stats_available_bytes", "80-0.6x40", **VOLUME),
            change("kubelet_volume_stats_available_bytes", "80-0.06x40", namespace="staging", **VOLUME),
        ),
        (then("6h"), then("198h", alert("RailwatchDiskFills", "warning", **VOLUME))),
        step_s=21600,
        samples=40,
    ),
    Scenario(
        "a broker's disk is almost full",
        (change("kubelet_volume_stats_available_bytes", "4x120", **VOLUME),),
        (
            then("3m"),
            then(
                "8h",
                alert("RailwatchDiskFills", "critical", **VOLUME),
                inhibited=[alert("RailwatchDiskFills", "warning", **VOLUME)],
            ),
        ),
        step_s=300,
        samples=120,
    ),
    Scenario(
        "somebody gives Redis a policy that evicts, and takes it back",
        (change("railwatch_redis_evicts", "0x4 1x15 0x20"),),
        (then("8m"), then("15m", alert("RailwatchRedisEvicts", "warning")), then("25m")),
        samples=40,
    ),
    Scenario(
        "Redis fills up, evicts, and state is lost",
        (
            change("railwatch_redis_memory_used_bytes", "500+10x48 980x60"),
            change("railwatch_redis_evicts", "1x110"),
            change("railwatch_redis_evicted_keys", "0x60 0+10x50"),
            change("railwatch_ready", "1x70 0x40", dependency="state", **DETECTOR),
        ),
        (
            then("30m", alert("RailwatchRedisEvicts", "warning")),
            then("46m", alert("RailwatchRedisEvicts", "warning"), alert("RailwatchRedisFull", "warning")),
            then(
                "80m",
                alert("RailwatchRedisEvicts", "critical"),
                alert("RailwatchRedisFull", "critical"),
                inhibited=[
                    alert("RailwatchRedisEvicts", "warning"),
                    alert("RailwatchRedisFull", "warning"),
                    alert("RailwatchDependencyAway", "critical", dependency="state", **DETECTOR),
                    alert("RailwatchDependencyAway", "warning", dependency="state", **DETECTOR),
                ],
            ),
        ),
        samples=110,
    ),
    Scenario(
        "Redis has no limit of its own",
        (change("railwatch_redis_memory_max_bytes", "0x60"),),
        (then("40m"),),
        samples=60,
    ),
    Scenario(
        "somebody breaks the file of tokens, which one replica has read, and mends it",
        (change("railwatch_tokens_file_valid", "1x4 0x15 1x20", instance="ingest-a"),),
        (then("8m"), then("15m", alert("RailwatchTokensNotRead", "warning", **INGEST)), then("25m")),
        samples=40,
    ),
    Scenario(
        "a sender's token was withdrawn, and it goes on sending; elsewhere somebody mistypes one",
        (
            change("railwatch_http_responses_total", "_x10 1+0.5x120", instance="ingest-a", status="401", **INGEST),
            change(
                "railwatch_http_responses_total", "_x10 1x5 2x5 3x120", status="403", namespace="staging", **ALERTING
            ),
        ),
        (then("20m"), then("80m", alert("RailwatchUnauthorized", "warning", **INGEST))),
        samples=120,
    ),
    Scenario(
        "a service answers every tenth request with a fault of its own; elsewhere it was one of many",
        (
            change("railwatch_http_responses_total", "0+2x90", status="500", instance="alerting-b", **ALERTING),
            change("railwatch_http_responses_total", "0+0.5x90", status="500", namespace="staging", **ALERTING),
            change("railwatch_http_responses_total", "0+20x90", status="200", namespace="staging", **ALERTING),
        ),
        (then("3m"), then("60m", alert("RailwatchServerErrors", "warning", **ALERTING))),
        samples=90,
    ),
    Scenario(
        "a certificate is not renewed",
        (
            change("strimzi_certificate_expiration_timestamp_ms", f"{15 * DAY_S}000x80"),
            change("certmanager_certificate_expiration_timestamp_seconds", f"{YEAR_S}x80", name="ingress"),
            change("probe_ssl_earliest_cert_expiry", f"{YEAR_S}x80", instance="https://alerts.example"),
        ),
        (
            then("18h"),
            then("48h", alert("RailwatchCertificateExpires", "warning", certificate="cluster-ca")),
            then(
                "330h",
                alert("RailwatchCertificateExpires", "critical", certificate="cluster-ca"),
                inhibited=[alert("RailwatchCertificateExpires", "warning", certificate="cluster-ca")],
            ),
        ),
        step_s=21600,
        samples=80,
    ),
)
