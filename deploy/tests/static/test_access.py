"""Who reaches what: network policies, the Ingress, and the rights in Kafka and Redis."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.tests.rendering import (
    DEPLOY,
    Resource,
    environment,
    every_overlay,
    labels_of,
    name_of,
    of_kind,
    overlay,
    pod_templates,
    policies_of,
    selects,
)
from deploy.tests.strimzi import strimzi_pods
from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.pages.addresses import alert_path, look_path, site_path
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import (
    EVENT_TYPES,
    ActEvent,
    AlertEvent,
    BaselineEvent,
    CountEvent,
    DeadLetter,
    TileEvent,
    VerdictEvent,
)
from railwatch.shared.health import Progress, health_router
from railwatch.shared.http import service_app
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect


@every_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_policies_let_a_service_reach_what_its_settings_name_and_nothing_private_else(name: str, service: str) -> None:
    resources = overlay(name)
    template = pod_templates(resources)[f"railwatch-{service}"]
    rules = list(policies_of(resources, labels_of(template), "egress"))
    given = environment(resources, template)
    for host, port in _destinations(given, service):
        assert any(_allows(resources, rule, host, port) for rule in rules), f"{service} cannot reach {host}:{port}"
    for rule in rules:
        assert rule.get("to"), "a rule without `to` lets everything out"


@every_overlay
def test_policies_let_in_the_front_and_the_monitoring_and_nobody_else(name: str) -> None:
    for service in SERVICES:
        template = pod_templates(overlay(name))[f"railwatch-{service}"]
        peers = [
            next(iter(next(iter(peer.values()))["matchLabels"].values()))
            for rule in policies_of(overlay(name), labels_of(template), "ingress")
            for peer in rule["from"]
        ]
        expected = {
            "ingest": ["front", "monitoring"],
            "detector": ["monitoring"],
            "alerting": ["front", "monitoring", "railwatch-ingest"],
        }[service]
        if of_kind(overlay(name), "CronJob") and service != "detector":
            expected.append("railwatch-replay")
        assert sorted(peers) == expected


@every_overlay
def test_every_pod_can_resolve_names_with_and_without_a_cache_on_its_node(name: str) -> None:
    pods = [*pod_templates(overlay(name)).values(), *strimzi_pods(overlay(name)).values()]
    for pod in pods:
        rules = [rule for rule in policies_of(overlay(name), labels_of(pod), "egress") if _port_53(rule)]
        reached = {key for rule in rules for peer in rule["to"] for key in _resolvers(peer)}
        assert reached == {"kube-dns", "node-local-dns", "169.254.20.10/32"}, labels_of(pod)
        protocols = {port["protocol"] for rule in rules for port in rule["ports"] if port["port"] == 53}
        assert protocols == {"UDP", "TCP"}


def test_the_ingress_takes_the_largest_scene_without_keeping_it_on_its_disk() -> None:
    (ingress,) = (i for i in of_kind(overlay("production"), "Ingress") if name_of(i) == "railwatch-ingest")
    production = overlay("production")
    given = environment(production, pod_templates(production)["railwatch-ingest"])
    notes = ingress["metadata"]["annotations"]
    limit = notes["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert int(limit.removesuffix("m")) * 1024**2 > int(given["RAILWATCH_SCENES_MAX_BYTES"])
    assert notes["nginx.ingress.kubernetes.io/proxy-request-buffering"] == "off"


def test_every_ingress_names_its_class_and_who_makes_its_certificate() -> None:
    for ingress in of_kind(overlay("production"), "Ingress"):
        assert ingress["spec"]["ingressClassName"]
        assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"]
        (rule,) = ingress["spec"]["rules"]
        assert [tls["hosts"] for tls in ingress["spec"]["tls"]] == [[rule["host"]]]


@pytest.mark.parametrize("service", ["ingest", "alerting"])
def test_nothing_of_operation_and_no_page_of_the_interface_can_be_reached_from_outside(service: str) -> None:
    operation = {route.path for route in health_router("alerting", Progress(), {}).routes}  # type: ignore[attr-defined]
    assert {"/metrics", "/healthz", "/readyz"} <= operation
    pages = {str(service_app("any", "any").openapi_url), "/docs", "/redoc"}
    (ingress,) = (i for i in of_kind(overlay("production"), "Ingress") if name_of(i) == f"railwatch-{service}")
    (rule,) = ingress["spec"]["rules"]
    for path in rule["http"]["paths"]:
        for hidden in operation | pages:
            inside = hidden == path["path"] if path["pathType"] == "Exact" else hidden.startswith(path["path"])
            assert not inside, f"{hidden} can be reached by {path}"


def test_every_page_and_every_answer_of_alerting_can_be_reached_from_outside() -> None:
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    app = make_app(Store(connect(RedisSettings(url="redis://127.0.0.1:1"))), {}, blobs, Tokens(None), Progress(), {})
    operation = {route.path for route in health_router("alerting", Progress(), {}).routes}  # type: ignore[attr-defined]
    pages = {"/", "/assets/page.css", "/sites.json", "/map.json", site_path("a"), look_path("a", "b"), alert_path("c")}
    (ingress,) = (i for i in of_kind(overlay("production"), "Ingress") if name_of(i) == "railwatch-alerting")
    (rule,) = ingress["spec"]["rules"]
    exact = {path["path"] for path in rule["http"]["paths"] if path["pathType"] == "Exact"}
    below = [path["path"].rstrip("/") for path in rule["http"]["paths"] if path["pathType"] == "Prefix"]
    for address in (app.openapi()["paths"].keys() | pages) - operation:
        reached = address in exact or any(f"{address}/".startswith(f"{prefix}/") for prefix in below)
        assert reached, f"{address} cannot be reached"


def test_each_kafka_user_may_do_what_its_service_does_and_no_more() -> None:
    may = {
        name_of(user): {
            (acl["resource"]["type"], acl["resource"]["name"], operation)
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
            if not operation.startswith("Describe")
        }
        for user in of_kind(overlay("production"), "KafkaUser")
    }
    # Who may write to the log of acts may not read it.
    records, buries = ("topic", ActEvent.TOPIC, "Write"), ("topic", DeadLetter.TOPIC, "Write")
    assert may == {
        "kafka-ingest": {("topic", TileEvent.TOPIC, "Write"), records, buries},
        "kafka-detector": {
            ("topic", TileEvent.TOPIC, "Read"),
            ("group", "railwatch-detector", "Read"),
            ("topic", CountEvent.TOPIC, "Write"),
            ("topic", BaselineEvent.TOPIC, "Write"),
            ("topic", BaselineEvent.TOPIC, "Read"),
            ("topic", CountEvent.TOPIC, "Read"),
            records,
            buries,
        },
        "kafka-alerting": {
            ("topic", CountEvent.TOPIC, "Read"),
            ("group", "railwatch-alerting", "Read"),
            ("topic", AlertEvent.TOPIC, "Write"),
            ("topic", AlertEvent.TOPIC, "Read"),
            ("topic", VerdictEvent.TOPIC, "Write"),
            ("topic", VerdictEvent.TOPIC, "Read"),
            records,
            buries,
        },
        "kafka-scaler": set(),
        # People: they read and settle dead letters, count again, and move a group's position.
        "kafka-operator": {
            ("topic", "railwatch.", "Read"),
            ("topic", "railwatch.", "Write"),
            ("group", "railwatch-", "Read"),
        },
    }
    topics = {name_of(topic) for topic in of_kind(overlay("production"), "KafkaTopic")}
    assert topics == {event.TOPIC for event in EVENT_TYPES.values()}


def test_each_service_is_a_user_of_redis_whose_rights_are_shipped() -> None:
    production = overlay("production")
    users = {
        service: environment(production, pod_templates(production)[f"railwatch-{service}"])["RAILWATCH_REDIS_USERNAME"]
        for service in SERVICES
    }
    assert users == {service: f"railwatch-{service}" for service in SERVICES}
    lines = (DEPLOY / "redis" / "users.acl").read_text().splitlines()
    assert {line.split()[1] for line in lines} == {"default", *users.values(), "railwatch-operator"}


def _port_53(rule: dict[str, Any]) -> bool:
    return any(port.get("port") == 53 for port in rule.get("ports", ()))


def _resolvers(peer: dict[str, Any]) -> list[str]:
    if "ipBlock" in peer:
        return [peer["ipBlock"]["cidr"]]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    (expression,) = peer["podSelector"]["matchExpressions"]
    return list(expression["values"])


def _destinations(given: dict[str, str], service: str) -> list[tuple[str, int]]:
    """Host and port of everything that the settings name."""
    found = [_host_port(server, 9092) for server in given["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"].split(",")]
    found.append(_host_port(given["RAILWATCH_REDIS_URL"], 6379))
    if given["RAILWATCH_BLOBS_URL"].startswith("s3://"):
        found.append(("s3.example", 443))
    if service == "alerting":
        urls = given.get("RAILWATCH_ALERTMANAGER_URLS", "")
        found += [_host_port(pair.partition("=")[2], 9093) for pair in urls.split(",") if pair]
    return found


def _host_port(address: str, default: int) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"//{address}")
    return str(parts.hostname), parts.port or default


def _allows(resources: tuple[Resource, ...], rule: dict[str, Any], host: str, port: int) -> bool:
    """Whether an egress rule lets a connection out, and for a pod of ours an ingress rule lets it in."""
    if port not in {allowed.get("port") for allowed in rule.get("ports", ())}:
        return False
    for peer in rule["to"]:
        if "ipBlock" in peer and host.endswith(".example"):
            return True
        if "namespaceSelector" in peer and host.endswith(".monitoring"):
            return True
        if "podSelector" in peer and "namespaceSelector" not in peer and "." not in host:
            if "strimzi.io/name" in peer["podSelector"].get("matchLabels", {}):
                cluster = peer["podSelector"]["matchLabels"]["strimzi.io/name"]
                if host.startswith(cluster):  # its ingress is Strimzi's to allow
                    return True
            for template in pod_templates(resources).values():
                if (
                    selects(peer["podSelector"], labels_of(template))
                    and labels_of(template)["app.kubernetes.io/name"] == host
                ):
                    return any(
                        _admits(rule, template, port) for rule in policies_of(resources, labels_of(template), "ingress")
                    )
    return False


def _admits(rule: dict[str, Any], template: Resource, port: int) -> bool:
    ports = {p["name"]: p["containerPort"] for p in template["spec"]["containers"][0]["ports"]}
    return port in {ports.get(allowed["port"], allowed["port"]) for allowed in rule["ports"]}
