"""`deploy/kubernetes/rebuild`, against a cluster that is made up."""

import json
from pathlib import Path

import kubernetes_validate
import pytest

from deploy.tests.fake_kubectl import Ended, run_script
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
    ended = _rebuild(service, deployment, tmp_path, "SuccessCriteriaMet Complete")
    assert ended.result.returncode == 0, ended.result.stderr
    job = ended.made
    assert job is not None
    kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (served,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["rebuild", service]
    assert [container[key] for key in ("env", "envFrom", "image")] == [
        served[key] for key in ("env", "envFrom", "image")
    ]
    assert not [key for key in container if key.endswith("Probe")]
    changes = [call for call in ended.calls if call.split()[0] in ("annotate", "scale", "create")]
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
    ended = _rebuild("alerting", deployment, tmp_path, "FailureTarget Failed")
    assert ended.result.returncode == 1
    assert "Run this again" in ended.result.stderr
    assert [call for call in ended.calls if call.startswith("scale")] == [
        "scale deployment railwatch-alerting --replicas 0"
    ]


def _rebuild(service: str, deployment: Resource, directory: Path, conditions: str) -> Ended:
    """Run deploy/kubernetes/rebuild against a cluster that is made up."""
    answers = {
        '"get scaledobject"*': f"scaledobject.keda.sh/railwatch-{service}",
        '"get job"*': conditions,
        '"get deployment"*jsonpath*': "2",
        '"get deployment"*': json.dumps(deployment),
    }
    return run_script([str(DEPLOY / "kubernetes" / "rebuild"), service], directory, answers)
