"""`deploy/kubernetes/rebuild`, against a cluster that is made up."""

import json
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from deploy.tests.rendering import (
    DEPLOY,
    VERSIONS,
    Resource,
    name_of,
    of_kind,
    overlay,
)


@pytest.mark.parametrize("service", ["detector", "alerting"])
def test_a_rebuild_is_a_job_with_the_settings_of_its_deployment(service: str, tmp_path: Path) -> None:
    (deployment,) = (d for d in of_kind(overlay("production"), "Deployment") if name_of(d) == f"railwatch-{service}")
    ended, calls = _rebuild(service, deployment, tmp_path, "SuccessCriteriaMet Complete")
    assert ended.returncode == 0, ended.stderr
    job = json.loads((tmp_path / "job.json").read_text())
    kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (served,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["rebuild", service]
    assert [container[key] for key in ("env", "envFrom", "image")] == [
        served[key] for key in ("env", "envFrom", "image")
    ]
    assert not [key for key in container if key.endswith("Probe")]
    changes = [call for call in calls if call.split()[0] in ("annotate", "scale", "create")]
    paused = f"annotate scaledobject.keda.sh/railwatch-{service}"
    assert changes == [
        f"{paused} --overwrite autoscaling.keda.sh/paused=true",
        f"scale deployment railwatch-{service} --replicas 0",
        "create --filename -",
        f"scale deployment railwatch-{service} --replicas 2",
        f"{paused} autoscaling.keda.sh/paused-",
    ]


def test_a_service_whose_rebuild_failed_stays_stopped(tmp_path: Path) -> None:
    (deployment,) = (d for d in of_kind(overlay("dev"), "Deployment") if name_of(d) == "railwatch-alerting")
    ended, calls = _rebuild("alerting", deployment, tmp_path, "FailureTarget Failed")
    assert ended.returncode == 1
    assert "Run this again" in ended.stderr
    assert [call for call in calls if call.startswith("scale")] == ["scale deployment railwatch-alerting --replicas 0"]


def _rebuild(
    service: str, deployment: Resource, directory: Path, conditions: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run deploy/kubernetes/rebuild against a fake cluster. Returns how it ended, and what it asked for."""
    (directory / "deployment.json").write_text(json.dumps(deployment))
    kubectl = directory / "kubectl"
    kubectl.write_text(
        f"""#!/bin/sh
shift 2
echo "$@" >>{directory}/calls
case "$*" in
"get scaledobject"*) echo scaledobject.keda.sh/railwatch-{service} ;;
"get job"*) echo {conditions} ;;
"get deployment"*jsonpath*) echo 2 ;;
"get deployment"*) cat {directory}/deployment.json ;;
create*) cat >{directory}/job.json ;;
esac
"""
    )
    kubectl.chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}"}
    command = [str(DEPLOY / "kubernetes" / "rebuild"), service]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended, (directory / "calls").read_text().splitlines()
