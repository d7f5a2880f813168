"""The commands of docs/operate.md and the runbooks that ask a cluster, asked of one."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.tests.cluster.conftest import Running
from deploy.tests.cluster.control_plane import NIGHT_SHIFT
from deploy.tests.cluster.platform import CERTIFICATES, apply, certificate, with_other_image
from deploy.tests.commands import TYPED, Snippet
from deploy.tests.in_production import A_POD
from deploy.tests.rendering import name_of, overlay
from deploy.tests.strimzi import strimzi_pods
from railwatch.shared.process import SERVICES


def _patterns(snippet: Snippet) -> list[str]:
    """What grep looks for."""
    return [after for step in snippet.steps() for before, after in pairwise(step) if before == "-e"]


ASKED = [snippet for snippet in TYPED if snippet.steps()[0][0] == "kubectl" and "exec" not in snippet.steps()[0]]
PAGES = list(dict.fromkeys(snippet.page for snippet in ASKED))
# Words of the log that commands look for.
WANTED = sorted({word for snippet in ASKED for word in _patterns(snippet)})
ORDINARY = "an ordinary line"


@pytest.fixture(scope="module")
def watched(production: Running, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Production on its second day: an image before this one, and what the operators make of our resources."""
    apply(production.cluster, with_other_image("production", "0.2.0", tmp_path_factory.mktemp("next")))
    for service in SERVICES:
        production.await_rollout(service)
    for name in ("railwatch-cluster-ca-cert", "railwatch-clients-ca-cert"):
        production.cluster.kubectl(
            "create", "secret", "generic", name, f"--from-file=ca.crt={production.cluster.authority.file}"
        )
    for name, pod in strimzi_pods(overlay("production")).items():
        made = {**pod, "spec": {**pod["spec"], "volumes": []}}
        production.cluster.kubectl("create", "--filename", "-", given=made)
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": f"data-0-{name}", "labels": {"strimzi.io/cluster": "railwatch"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        production.cluster.kubectl("create", "--filename", "-", given=claim)
    for kind in CERTIFICATES:
        production.cluster.kubectl("create", "--filename", "-", given=certificate(kind, "railwatch-ingest-tls"))
    production.cluster.kubectl("label", "namespace", "default", "railwatch-access=monitoring")
    production.kubelet.log = "\n".join((*WANTED, ORDINARY)) + "\n"
    return production


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_find_what_they_ask_for(watched: Running, page: str, tmp_path: Path) -> None:
    for snippet in ASKED:
        if snippet.page == page:
            said = _typed(watched, snippet, tmp_path)
            assert said.strip() or "wait" in snippet.steps()[0], snippet
            assert "No resources found" not in said, snippet


def test_logs_are_those_of_every_pod_and_only_the_lines_that_matter(watched: Running, tmp_path: Path) -> None:
    snippet = next(each for each in ASKED if each.page == "RailwatchLagging" and "logs" in each.steps()[0])
    lines = _typed(watched, snippet, tmp_path).splitlines()
    pods = {name_of(pod) for pod in watched.pods("detector")}
    assert {re.findall(r"\[pod/([^/]+)/railwatch\]", line)[0] for line in lines} == pods
    assert not [line for line in lines if ORDINARY in line]


def _typed(running: Running, snippet: Snippet, directory: Path) -> str:
    """What a command says, typed by the night shift with the name of a pod in its place."""
    text = re.sub(rf"\b{A_POD}\b", lambda _: name_of(running.pods("detector")[0]), snippet.text)
    ended = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text],
        env=running.cluster.environment(NIGHT_SHIFT),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, (snippet.text, ended.stderr)
    written = "".join(file.read_text() for file in directory.iterdir())
    return ended.stdout + ended.stderr + written
