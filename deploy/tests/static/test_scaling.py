"""Services scale as far as their topics go."""

import os
from pathlib import Path

import kubernetes_validate
import yaml

from deploy.tests.rendering import (
    DEPLOY,
    VERSIONS,
    name_of,
    of_kind,
    overlay,
    rendered,
)
from railwatch.shared.events import CountEvent, TileEvent


def test_scaling_stops_at_the_partitions_and_alerting_never_goes_to_zero() -> None:
    topics = {name_of(topic): topic["spec"]["partitions"] for topic in of_kind(overlay("production"), "KafkaTopic")}
    by_target = {s["spec"]["scaleTargetRef"]["name"]: s["spec"] for s in of_kind(overlay("production"), "ScaledObject")}
    consumed = {"railwatch-detector": TileEvent.TOPIC, "railwatch-alerting": CountEvent.TOPIC}
    for target, topic in consumed.items():
        trigger = by_target[target]["triggers"][0]
        assert trigger["type"] == "kafka"
        assert trigger["metadata"]["topic"] == topic
        assert trigger["metadata"]["consumerGroup"] == target
        assert trigger["metadata"]["excludePersistentLag"] == "true"
        assert int(trigger["metadata"]["version"].split(".")[0]) >= 4  # as the broker
        assert trigger["authenticationRef"] == {"name": "kafka-scaler"}
        assert by_target[target]["maxReplicaCount"] <= topics[topic]
        assert by_target[target]["fallback"]["replicas"] >= 2
        assert by_target[target]["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert by_target["railwatch-alerting"]["minReplicaCount"] >= 2


def test_the_alternative_scaler_fits_the_base(tmp_path: Path) -> None:
    kubernetes = Path(os.path.relpath(DEPLOY / "kubernetes", tmp_path))
    paths = {"resources": [str(kubernetes / "base")], "components": [str(kubernetes / "components/hpa")]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(paths))
    resources = rendered(tmp_path)
    partitions = min(topic["spec"]["partitions"] for topic in of_kind(overlay("production"), "KafkaTopic"))
    for autoscaler in of_kind(resources, "HorizontalPodAutoscaler"):
        kubernetes_validate.validate(autoscaler, VERSIONS[-1], strict=True)
        assert autoscaler["spec"]["maxReplicas"] <= partitions
        scaled = [
            d for d in of_kind(resources, "Deployment") if name_of(d) == autoscaler["spec"]["scaleTargetRef"]["name"]
        ]
        assert ["replicas" in deployment["spec"] for deployment in scaled] == [False]
