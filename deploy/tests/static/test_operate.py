"""`deploy/kubernetes/operate`: the pod in which an operator's command runs."""

import kubernetes_validate
import pytest

from deploy.tests.operating import IMAGE_OF_BROKERS, operated
from deploy.tests.rendering import (
    VERSIONS,
    Resource,
    assert_is_restricted,
    every_overlay,
    labels_of,
    name_of,
    of_kind,
    overlay,
    pod_templates,
    policies_of,
    selects,
)
from railwatch.shared.process import SERVICES


@every_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_a_command_runs_in_a_pod_with_the_settings_of_the_service_and_as_operator(name: str, service: str) -> None:
    pod, ran = operated(name, service, "dead-letters", "list")
    assert ran == ("railwatch", "dead-letters", "list")
    (container,) = pod["spec"]["containers"]
    (served,) = pod_templates(overlay(name))[f"railwatch-{service}"]["spec"]["containers"]
    assert [container[key] for key in ("image", "envFrom", "resources", "volumeMounts")] == [
        served[key] for key in ("image", "envFrom", "resources", "volumeMounts")
    ]
    given, before = ({variable["name"]: variable for variable in each["env"]} for each in (container, served))
    changed = {variable for variable in given if given[variable] != before.get(variable)}
    login = {of: {f"RAILWATCH_{of}_USERNAME", f"RAILWATCH_{of}_PASSWORD"} for of in ("KAFKA_SASL", "REDIS")}
    expected = {
        "dev": set[str](),
        "trial": login["KAFKA_SASL"],
        "production": login["KAFKA_SASL"] | login["REDIS"],
    }[name]
    assert changed == {"USER", "COLUMNS", *expected}
    assert given["USER"]["value"] == "night-shift", "what is decided goes on record under the name of who decides"
    _is_sound(pod, name)


def test_kafka_s_own_commands_run_with_the_image_of_the_brokers_and_the_shipped_configuration() -> None:
    pod, ran = operated("production", "kafka", "consumer-groups", "--describe", "--group", "railwatch-detector")
    (container,) = pod["spec"]["containers"]
    assert container["image"] == IMAGE_OF_BROKERS
    assert ran[:2] == ("bin/kafka-consumer-groups.sh", "--bootstrap-server")
    (shipped,) = (each for each in of_kind(overlay("production"), "ConfigMap") if name_of(each) == "kafka-operator")
    configuration = ran[ran.index("--command-config") + 1]
    assert configuration.rpartition("/")[2] in shipped["data"]
    assert configuration.rpartition("/")[0] in {mount["mountPath"] for mount in container["volumeMounts"]}
    _is_sound(pod, "production")


def _is_sound(pod: Resource, name: str) -> None:
    """Kubernetes takes it, also if restricted. It reaches what services reach. No Service or budget chooses it."""
    kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)
    assert_is_restricted(pod)
    labels = labels_of(pod)
    for container in pod["spec"]["containers"]:
        assert not [key for key in container if key.endswith("Probe")]
    for resource in of_kind(overlay(name), "Service"):
        assert not selects({"matchLabels": resource["spec"].get("selector")}, labels), name_of(resource)
    for resource in of_kind(overlay(name), "PodDisruptionBudget", "Deployment"):
        assert not selects(resource["spec"]["selector"], labels), name_of(resource)
    detector = pod_templates(overlay(name))["railwatch-detector"]
    reached = list(policies_of(overlay(name), labels, "egress"))
    assert [rule for rule in policies_of(overlay(name), labels_of(detector), "egress") if rule not in reached] == []
