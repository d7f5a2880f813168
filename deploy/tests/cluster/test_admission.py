"""What PodSecurity admission says to all pods, by the code of the API server: `make test-admission`."""

import json
import os
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest

from deploy.tests.rendering import Resource, every_overlay, overlay, pod_templates
from deploy.tests.strimzi import strimzi_pods

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def admission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of `admission/`, built."""
    program = tmp_path_factory.mktemp("admission") / "admission"
    subprocess.run(
        ("go", "build", "-mod=mod", "-trimpath", "-o", str(program), "./admission"),
        cwd=HERE,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
        timeout=550,
    )
    return program


@every_overlay
def test_the_standard_restricted_admits_every_pod(admission: Path, name: str) -> None:
    pods = {**pod_templates(overlay(name)), **strimzi_pods(overlay(name))}
    assert _forbidden(admission, pods) == dict.fromkeys(pods, "")


def test_strimzi_s_pods_would_be_refused_without_their_templates(admission: Path) -> None:
    pods = deepcopy(strimzi_pods(overlay("production")))
    for pod in pods.values():
        pod["spec"]["securityContext"] = {}
        for container in pod["spec"]["containers"]:
            container.pop("securityContext")
    for name, forbidden in _forbidden(admission, pods).items():
        for field in ("allowPrivilegeEscalation", "capabilities.drop", "runAsNonRoot", "seccompProfile"):
            assert field in forbidden, name


def _forbidden(admission: Path, pods: dict[str, Resource]) -> dict[str, str]:
    """What is forbidden in each pod."""
    lines = "".join(json.dumps({"metadata": pod["metadata"], "spec": pod["spec"]}) + "\n" for pod in pods.values())
    told = subprocess.run((str(admission),), input=lines, capture_output=True, text=True, check=True, timeout=60)
    return dict(zip(pods, told.stdout.splitlines(), strict=True))
