"""Each resource of the overlays is one that Kubernetes takes, and they fit each other and the services."""

import kubernetes_validate
import pytest

import railwatch.services.alerting.settings
import railwatch.services.detector.settings
import railwatch.services.ingest.settings
from deploy.tests.rendering import (
    BUILT_IN,
    VERSIONS,
    Resource,
    assert_is_restricted,
    every_overlay,
    labels_of,
    name_of,
    of_kind,
    overlay,
    pod_templates,
    selects,
)
from railwatch.services.detector.settings import memory_mb_for
from railwatch.shared.health import Progress, health_router
from railwatch.shared.process import ENDS_WITHIN_S, SERVICES
from railwatch.shared.settings import HttpSettings
from railwatch.shared.tiles import MAX_TILE_PIXELS

# The pause before SIGTERM, and what a service then takes at most.
LONGEST_STOP_S = 5 + ENDS_WITHIN_S
# What the detector's own process may take beside those that count (docs/security.md), with room.
SERVICE_MB = 300


@every_overlay
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_every_resource(name: str, version: str) -> None:
    checked = 0
    for resource in overlay(name):
        if resource["apiVersion"].split("/")[0] in BUILT_IN:
            kubernetes_validate.validate(resource, version, strict=True)
            checked += 1
    assert checked > 20


@every_overlay
def test_ports_and_probes_are_those_of_the_app(name: str) -> None:
    routes = {route.path for route in health_router("ingest", Progress(), {}).routes}  # type: ignore[attr-defined]
    for service in SERVICES:
        (container,) = pod_templates(overlay(name))[f"railwatch-{service}"]["spec"]["containers"]
        assert container["args"] == [service]
        (port,) = container["ports"]
        assert (port["name"], port["containerPort"]) == ("http", HttpSettings().port)
        probes = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert {probe["port"] for probe in probes.values()} == {"http"}
        assert {probe["path"] for probe in probes.values()} <= routes
        assert probes["livenessProbe"]["path"] == "/healthz"
        assert probes["readinessProbe"]["path"] == "/readyz"
    for monitor in of_kind(overlay(name), "ServiceMonitor"):
        assert {(endpoint["port"], endpoint["path"]) for endpoint in monitor["spec"]["endpoints"]} == {
            ("http", "/metrics")
        }
        watched = [s for s in of_kind(overlay(name), "Service") if selects(monitor["spec"]["selector"], _labels(s))]
        assert {name_of(service) for service in watched} == {f"railwatch-{service}" for service in SERVICES}


@every_overlay
def test_selectors_match_pods(name: str) -> None:
    templates = pod_templates(overlay(name))
    pods = [labels_of(template) for template in templates.values()]
    for service in of_kind(overlay(name), "Service"):
        taken = [
            template
            for template in templates.values()
            if selects({"matchLabels": service["spec"]["selector"]}, labels_of(template))
        ]
        assert len(taken) == 1, name_of(service)
        ports = {port["name"]: port["containerPort"] for port in taken[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["port"]) in {*ports, *ports.values()}
    for resource in of_kind(overlay(name), "PodDisruptionBudget", "Deployment", "StatefulSet"):
        assert sum(selects(resource["spec"]["selector"], pod) for pod in pods) == 1, name_of(resource)
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        if "strimzi.io" not in str(policy["spec"]["podSelector"]):
            assert any(selects(policy["spec"]["podSelector"], pod) for pod in pods), name_of(policy)
    for target in of_kind(overlay(name), "ScaledObject", "HorizontalPodAutoscaler"):
        scaled = target["spec"]["scaleTargetRef"]["name"]
        (deployment,) = (d for d in of_kind(overlay(name), "Deployment") if name_of(d) == scaled)
        assert "replicas" not in deployment["spec"], "the scaler and the manifest would fight over the number"


@every_overlay
def test_references_resolve(name: str) -> None:
    resources = overlay(name)
    maps = {name_of(resource) for resource in of_kind(resources, "ConfigMap")}
    secrets = {name_of(resource) for resource in of_kind(resources, "Secret", "ExternalSecret", "KafkaUser")}
    secrets |= {f"{name_of(kafka)}-cluster-ca-cert" for kafka in of_kind(resources, "Kafka")}
    claims = {name_of(resource) for resource in of_kind(resources, "PersistentVolumeClaim")}
    accounts = {name_of(resource) for resource in of_kind(resources, "ServiceAccount")}
    for template in pod_templates(resources).values():
        spec = template["spec"]
        if "serviceAccountName" in spec:
            assert spec["serviceAccountName"] in accounts
        for volume in spec.get("volumes", ()):
            assert volume.get("configMap", {}).get("name") in {None, *maps}
            secret = volume.get("secret", {})
            assert secret.get("optional") or secret.get("secretName") in {None, *secrets}
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
        for variable in spec["containers"][0].get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            assert reference is None or reference.get("optional") or reference["name"] in secrets, variable


@every_overlay
def test_images_and_limits_are_pinned(name: str) -> None:
    for template in pod_templates(overlay(name)).values():
        for container in template["spec"]["containers"]:
            _, _, tag = container["image"].rpartition(":")
            assert tag[0].isdigit(), f"{container['image']} is not pinned"
            for bound in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][bound].keys()


@every_overlay
def test_a_detector_s_pod_has_memory_for_the_largest_tile_that_ingest_cuts(name: str) -> None:
    counting = railwatch.services.detector.settings.DetectorSettings()
    (container,) = pod_templates(overlay(name))["railwatch-detector"]["spec"]["containers"]
    assert not [variable for variable in container["env"] if variable["name"].startswith("RAILWATCH_DETECTOR_M")]
    pod_mb = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024**3 / 1e6

    assert counting.max_pixels == MAX_TILE_PIXELS
    assert memory_mb_for(counting.max_pixels) <= counting.memory_mb
    assert SERVICE_MB + counting.threads * counting.memory_mb <= pod_mb


@every_overlay
def test_pods_keep_to_the_restricted_standard(name: str) -> None:
    (namespace,) = of_kind(overlay(name), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload, template in pod_templates(overlay(name)).items():
        spec = template["spec"]
        assert_is_restricted(template)
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["automountServiceAccountToken"] is False
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        allowed = {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected"}
        assert all(volume.keys() - {"name"} <= allowed for volume in spec.get("volumes", ()))
        for container in spec["containers"] if workload.startswith("railwatch-") else ():
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


@every_overlay
def test_a_pod_has_time_to_finish_its_work(name: str) -> None:
    for service in SERVICES:
        spec = pod_templates(overlay(name))[f"railwatch-{service}"]["spec"]
        assert spec["terminationGracePeriodSeconds"] > LONGEST_STOP_S


def _labels(resource: Resource) -> dict[str, str]:
    return dict(resource["metadata"].get("labels", {}))
