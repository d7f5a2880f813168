"""What `kubectl kustomize` makes of the overlays, and how to look things up in it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parent.parent
OVERLAYS = ("dev", "trial", "production")
BUILT_IN = {"v1", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"}
A_SECRET = "from-the-vault-of-the-platform"
# The versions of Kubernetes whose schemas the resources must fit.
VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")

every_overlay = pytest.mark.parametrize("name", OVERLAYS)

Resource = dict[str, Any]


@cache
def rendered(directory: Path) -> tuple[Resource, ...]:
    """All resources of a kustomization."""
    command = [str(Path(sys.executable).with_name("kubectl")), "kustomize", str(directory)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(resource for resource in yaml.safe_load_all(text) if resource)


def overlay(name: str) -> tuple[Resource, ...]:
    """All resources of an overlay."""
    return rendered(DEPLOY / "kubernetes" / "overlays" / name)


def of_kind(resources: tuple[Resource, ...], *kinds: str) -> list[Resource]:
    """The resources of some kinds."""
    return [resource for resource in resources if resource["kind"] in kinds]


def name_of(resource: Resource) -> str:
    """`metadata.name`."""
    return str(resource["metadata"]["name"])


def pod_templates(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    """The pod template of each workload, by the workload's name."""
    return {
        name_of(resource): resource["spec"].get("jobTemplate", resource)["spec"]["template"]
        for resource in of_kind(resources, "Deployment", "StatefulSet", "CronJob")
    }


def environment(resources: tuple[Resource, ...], template: Resource) -> dict[str, str]:
    """The variables of a pod's only container. Secrets that must exist have a value; optional ones have none."""
    (container,) = template["spec"]["containers"]
    maps = {name_of(resource): resource["data"] for resource in of_kind(resources, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", ()):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        elif not variable["valueFrom"]["secretKeyRef"].get("optional"):
            found[variable["name"]] = A_SECRET
    return found


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes some labels; an empty one takes all."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", expression
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def labels_of(template: Resource) -> dict[str, str]:
    """The labels of a pod."""
    return dict(template["metadata"]["labels"])


def policies_of(resources: tuple[Resource, ...], labels: Mapping[str, str], direction: str) -> Iterator[Resource]:
    """The rules of network policies that apply to a pod in one direction, `ingress` or `egress`."""
    for policy in of_kind(resources, "NetworkPolicy"):
        if selects(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(direction, ())


def assert_is_restricted(pod: Resource) -> None:
    """A pod, or its template, sets what the standard `restricted` asks for."""
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, container["name"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, container["name"]
