"""Kubernetes' own API server on loopback, with RBAC and PodSecurity admission, and its controllers and scheduler."""

import json
import os
import secrets
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.tests.rendering import Resource
from deploy.tests.running.secured import Authority, make_authority
from railwatch.embedded import free_port, running
from tests.support.bus import eventually

NAMESPACE = "railwatch"
# May do anything: for the tests themselves and for what they play.
ADMIN = "admin"
# Applies overlays, and has no other rights than those of rights.yaml.
DEPLOYER = "deployer"
# Runs the scripts, likewise.
NIGHT_SHIFT = "night-shift"
# May do what Kubernetes' own role `edit` allows, and nothing with the operators' resources.
NEWCOMER = "newcomer"
GROUPS = {ADMIN: "system:masters"}
CONTROLLERS, SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"
ALONE = ("--leader-elect=false", "--bind-address=127.0.0.1")
ISSUER = "https://railwatch.tests"


@dataclass(frozen=True)
class Cluster:
    """An API server that answers.

    Attributes:
        url: its origin.
        authority: who vouches for it.
        directory: holds a `kubeconfig` for each user.
        tokens: by user.
    """

    url: str
    authority: Authority
    directory: Path
    tokens: dict[str, str]

    def kubeconfig(self, user: str) -> Path:
        """How a user reaches the cluster."""
        file = self.directory / f"{user.replace(':', '-')}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.authority.file)}
        context = {"cluster": "tests", "user": user, "namespace": NAMESPACE}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self.tokens[user]}}],
            "contexts": [{"name": "tests", "context": context}],
            "current-context": "tests",
        }
        file.write_text(json.dumps(content))
        return file

    def run(self, *command: str, user: str = ADMIN, given: Any = None) -> subprocess.CompletedProcess[str]:
        """Run a command, such as `kubectl`, as a user. What is given goes to its standard input as JSON."""
        return subprocess.run(
            command,
            env=self.environment(user),
            input=None if given is None else json.dumps(given),
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    def environment(self, user: str) -> dict[str, str]:
        """The variables with which a command speaks to the cluster as a user."""
        programs = Path(sys.executable).parent
        return {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.kubeconfig(user)),
            "USER": user,
        }

    def kubectl(self, *words: str, user: str = ADMIN, given: Any = None) -> str:
        """What kubectl says; an assertion fails if it fails."""
        ended = self.run("kubectl", *words, user=user, given=given)
        assert ended.returncode == 0, (words, ended.stderr)
        return ended.stdout

    def get(self, *words: str) -> list[Resource]:
        """The resources of a kind, or those that a selector takes."""
        found: list[Resource] = json.loads(self.kubectl("get", *words, "--output", "json"))["items"]
        return found

    def client(self) -> httpx.Client:
        """For asking the API server without kubectl, as administrator."""
        headers = {"Authorization": f"Bearer {self.tokens[ADMIN]}"}
        context = ssl.create_default_context(cafile=self.authority.file)
        return httpx.Client(base_url=self.url, headers=headers, verify=context, timeout=60)


@contextmanager
def api_server(directory: Path) -> Iterator[Cluster]:
    """etcd and the API server, without anything that acts on what they hold."""
    authority = make_authority(directory / "authority")
    tokens = {user: secrets.token_hex(16) for user in (ADMIN, DEPLOYER, NIGHT_SHIFT, NEWCOMER, CONTROLLERS, SCHEDULER)}
    lines = (f'{token},{user},{user},"{GROUPS.get(user, "")}"' for user, token in tokens.items())
    (directory / "tokens.csv").write_text("\n".join(lines))
    with ExitStack() as stack:
        store, peers = free_port(), free_port()
        command = ["etcd", "--data-dir", str(directory / "etcd"), "--unsafe-no-fsync", "--log-level=error"]
        command += [
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
        ]
        command += [
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
        ]
        command += [f"--initial-cluster=default=http://127.0.0.1:{peers}"]
        stack.enter_context(running("etcd", command, store))
        port = free_port()
        command = ["kube-apiserver", f"--etcd-servers=http://127.0.0.1:{store}", f"--cert-dir={directory}"]
        command += ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={port}"]
        command += ["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16"]
        command += [f"--tls-cert-file={authority.certificate}", f"--tls-private-key-file={authority.certificate}"]
        command += ["--authorization-mode=Node,RBAC", f"--token-auth-file={directory / 'tokens.csv'}"]
        command += [f"--service-account-issuer={ISSUER}", f"--service-account-key-file={authority.certificate}"]
        command += [f"--service-account-signing-key-file={authority.certificate}"]
        command += [f"--kubelet-certificate-authority={authority.file}"]
        stack.enter_context(running("kube-apiserver", command, port, grace_s=60))
        cluster = Cluster(f"https://127.0.0.1:{port}", authority, directory, tokens)
        with cluster.client() as client:
            eventually(lambda: client.get("/readyz").is_success, "the API server is ready")
        yield cluster


@contextmanager
def controllers(cluster: Cluster, *names: str) -> Iterator[None]:
    """Some controllers of Kubernetes; all, if none is named."""
    port = free_port()
    command = ["kube-controller-manager", f"--kubeconfig={cluster.kubeconfig(CONTROLLERS)}", *ALONE]
    command += [f"--secure-port={port}", "--use-service-account-credentials", f"--controllers={','.join(names) or '*'}"]
    command += [f"--service-account-private-key-file={cluster.authority.certificate}"]
    command += [f"--root-ca-file={cluster.authority.file}"]
    # The nodes of the tests have no heart that beats.
    command += ["--node-monitor-grace-period=10h"]
    with running("kube-controller-manager", command, port):
        yield


@contextmanager
def scheduler(cluster: Cluster) -> Iterator[None]:
    """What chooses a node for each pod."""
    port = free_port()
    command = ["kube-scheduler", f"--kubeconfig={cluster.kubeconfig(SCHEDULER)}", *ALONE, f"--secure-port={port}"]
    with running("kube-scheduler", command, port):
        yield
