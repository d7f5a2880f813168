"""`deploy/kubernetes/rebuild`, against a cluster that is made up."""

import json
from copy import deepcopy
from pathlib import Path

import kubernetes_validate
import pytest

from deploy.tests.fake_kubectl import Ended, run_script
from deploy.tests.rendering import (
    DEPLOY,
    VERSIONS,
    Resource,
    labels_of,
    name_of,
    of_kind,
    overlay,
    policies_of,
    selects,
)


@pytest.mark.parametrize("service", ["detector", "alerting"])
def test_a_rebuild_is_a_job_with_the_settings_of_its_deployment(service: str, tmp_path: Path) -> None:
    deployment = _deployment("production", f"railwatch-{service}", replicas=2)
    ended = _rebuild(service, deployment, tmp_path, "SuccessCriteriaMet Complete")
    assert ended.result.returncode == 0, ended.result.stderr
    job = ended.made
    assert job is not None
    kubernetes_validate.validate(job, VERSIONS[-1], strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (served,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["rebuild", service, "--by", "night-shift"], "who ordered it goes on record"
    assert [container[key] for key in ("env", "envFrom", "image")] == [
        served[key] for key in ("env", "envFrom", "image")
    ]
    assert not [key for key in container if key.endswith("Probe")]
    changes = [call for call in ended.calls if call.split()[0] in ("annotate", "scale", "create")]
    paused = f"annotate scaledobject.keda.sh/railwatch-{service}"
    assert changes == [
        f"{paused} --overwrite autoscaling.keda.sh/paused=true",
        f"annotate deployment railwatch-{service} --overwrite railwatch/replicas=2",
        f"scale deployment railwatch-{service} --replicas 0",
        "create --filename -",
        f"scale deployment railwatch-{service} --replicas 2",
        f"annotate deployment railwatch-{service} railwatch/replicas-",
        f"{paused} autoscaling.keda.sh/paused-",
    ]


def test_no_service_or_budget_chooses_the_pod_of_a_rebuild_and_it_reaches_what_its_service_reaches(
    tmp_path: Path,
) -> None:
    served = _deployment("production", "railwatch-alerting", replicas=2)
    job = _rebuild("alerting", served, tmp_path, "Complete").made
    assert job is not None
    labels = labels_of(job["spec"]["template"])
    for resource in of_kind(overlay("production"), "Service"):
        assert not selects({"matchLabels": resource["spec"]["selector"]}, labels), name_of(resource)
    for resource in of_kind(overlay("production"), "PodDisruptionBudget", "Deployment"):
        assert not selects(resource["spec"]["selector"], labels), name_of(resource)
    reached = list(policies_of(overlay("production"), labels, "egress"))
    of_detector = labels_of(_deployment("production", "railwatch-detector", replicas=2)["spec"]["template"])
    assert [rule for rule in policies_of(overlay("production"), of_detector, "egress") if rule not in reached] == []


def test_a_service_whose_rebuild_failed_stays_stopped(tmp_path: Path) -> None:
    ended = _rebuild("alerting", _deployment("dev", "railwatch-alerting", replicas=1), tmp_path, "FailureTarget Failed")
    assert ended.result.returncode == 1
    assert "Run this again" in ended.result.stderr
    assert [call for call in ended.calls if call.startswith("scale")] == [
        "scale deployment railwatch-alerting --replicas 0"
    ]


@pytest.mark.parametrize(
    ("now", "noted", "then"),
    [
        pytest.param(0, "4", "4", id="broken off"),
        pytest.param(0, None, "1", id="stopped by hand"),
        pytest.param(2, "4", "2", id="started by hand since"),
    ],
)
def test_the_replicas_that_a_rebuild_starts(now: int, noted: str | None, then: str, tmp_path: Path) -> None:
    deployment = _deployment("dev", "railwatch-alerting", replicas=now)
    if noted is not None:
        deployment["metadata"]["annotations"] = {"railwatch/replicas": noted}
    ended = _rebuild("alerting", deployment, tmp_path, "Complete")
    assert [call for call in ended.calls if call.startswith("scale")] == [
        "scale deployment railwatch-alerting --replicas 0",
        f"scale deployment railwatch-alerting --replicas {then}",
    ]


def test_without_keda_nothing_is_paused(tmp_path: Path) -> None:
    deployment = _deployment("dev", "railwatch-alerting", replicas=1)
    ended = _rebuild("alerting", deployment, tmp_path, "Complete", keda="")
    assert ended.result.returncode == 0, ended.result.stderr
    assert not [call for call in ended.calls if "scaledobject" in call]


def _deployment(name: str, of: str, *, replicas: int) -> Resource:
    """A Deployment of an overlay in a cluster, where it has a number of replicas."""
    (found,) = (deepcopy(d) for d in of_kind(overlay(name), "Deployment") if name_of(d) == of)
    found["spec"]["replicas"] = replicas
    return found


def _rebuild(
    service: str, deployment: Resource, directory: Path, conditions: str, keda: str = "scaledobjects.keda.sh"
) -> Ended:
    """Run deploy/kubernetes/rebuild against a cluster that is made up."""
    answers = {
        '"api-resources"*': keda,
        '"get scaledobject"*': f"scaledobject.keda.sh/railwatch-{service}",
        '"get job"*': conditions,
        '"get deployment"*': json.dumps(deployment),
    }
    return run_script([str(DEPLOY / "kubernetes" / "rebuild"), service], directory, answers)
