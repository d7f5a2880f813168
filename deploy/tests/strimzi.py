"""The pods that Strimzi makes of its custom resources, as far as admission and network policies look at them.

This imitates Strimzi 1.2, which was not run: a new version may make other pods.
"""

from collections.abc import Iterator
from typing import Any

from deploy.tests.rendering import Resource, name_of, of_kind


def strimzi_pods(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    """One pod of each kind, by its name. Strimzi 1.2 sets no security context but those of the templates."""
    pods: dict[str, Resource] = {}
    for kafka in of_kind(resources, "Kafka"):
        for pod in _pods_of(kafka, of_kind(resources, "KafkaNodePool")):
            pods[name_of(pod)] = pod
    return pods


def _pods_of(kafka: Resource, pools: list[Resource]) -> Iterator[Resource]:
    spec, cluster = kafka["spec"], name_of(kafka)
    for pool in pools:
        template = pool["spec"].get("template") or spec["kafka"].get("template", {})
        init = {}
        if "broker" in pool["spec"]["roles"] and "rack" in spec["kafka"]:
            init = {"kafka-init": template.get("initContainer", {})}
        name = f"{cluster}-{name_of(pool)}-0"
        labels = {"strimzi.io/name": f"{cluster}-kafka", "strimzi.io/pool-name": name_of(pool)}
        volumes: list[Resource] = [
            {"name": "data-0", "persistentVolumeClaim": {"claimName": f"data-0-{name}"}},
            {"name": "broker-certs", "secret": {"secretName": name}},
            {"name": "kafka-metrics-and-logging", "configMap": {"name": name}},
        ]
        yield _pod(cluster, name, labels, template, {"kafka": template.get("kafkaContainer", {})}, volumes, init)
    operator = spec.get("entityOperator", {})
    if operator:
        template = operator.get("template", {})
        containers = {
            "topic-operator": template.get("topicOperatorContainer", {}),
            "user-operator": template.get("userOperatorContainer", {}),
        }
        yield _named(cluster, "entity-operator", template, containers)
    if "kafkaExporter" in spec:
        template = spec["kafkaExporter"].get("template", {})
        yield _named(cluster, "kafka-exporter", template, {"kafka-exporter": template.get("container", {})})


def _named(cluster: str, name: str, template: Resource, containers: dict[str, Any]) -> Resource:
    labels = {"strimzi.io/name": f"{cluster}-{name}"}
    volumes: list[Resource] = [{"name": "certs", "secret": {"secretName": f"{cluster}-{name}-certs"}}]
    return _pod(cluster, f"{cluster}-{name}", labels, template, containers, volumes, {})


def _pod(
    cluster: str,
    name: str,
    labels: dict[str, str],
    template: Resource,
    containers: dict[str, Any],
    volumes: list[Resource],
    init: dict[str, Any],
) -> Resource:
    pod = template.get("pod", {})
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"strimzi.io/cluster": cluster, **labels}},
        "spec": {
            "securityContext": pod.get("securityContext", {}),
            "topologySpreadConstraints": pod.get("topologySpreadConstraints", []),
            "automountServiceAccountToken": False,
            "initContainers": [_container(named, chosen) for named, chosen in init.items()],
            "containers": [_container(named, chosen) for named, chosen in containers.items()],
            "volumes": [
                {"name": "strimzi-tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "5Mi"}},
                {"name": "service-account", "projected": {"sources": [token]}},
                *volumes,
            ],
        },
    }


def _container(name: str, chosen: Resource) -> Resource:
    context = {"securityContext": chosen["securityContext"]} if "securityContext" in chosen else {}
    return {"name": name, "image": "quay.io/strimzi/kafka:tested", **context}
