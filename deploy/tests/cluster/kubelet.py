"""Plays the kubelets of some nodes, and a platform's storage. No container runs: a pod's fate is what a test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from deploy.tests.cluster.control_plane import Cluster
from deploy.tests.rendering import Resource, name_of
from tests.support.http_server import LOOPBACK, Quiet, serving

# What becomes of a pod on its node. The last two are for good.
READY, UNREADY, SUCCEEDED, FAILED = "ready", "unready", "Succeeded", "Failed"
ZONE = "topology.kubernetes.io/zone"
ROOM = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi", "pods": "110"}
BETWEEN_ROUNDS_S = 0.05


def usual_fate(pod: Resource) -> str:
    """A service is ready, and a job succeeds."""
    return SUCCEEDED if pod["spec"]["restartPolicy"] == "Never" and _is_of_a_job(pod) else READY


class Kubelet:
    """The kubelets of all nodes.

    Attributes:
        fate: what becomes of each pod; a test may replace it at any time.
        log: what the log of each container says.
        asked: the commands that people ran in pods. The answer to each is that nothing runs here.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.fate: Callable[[Resource], str] = usual_fate
        self.log = "what the container said"
        self.asked: list[list[str]] = []
        self._client = client
        self._told: dict[str, str] = {}
        self._addresses: dict[str, str] = {}

    def add_node(self, name: str, zone: str, port: int) -> None:
        """A node that is ready, with room for anything."""
        labels = {"kubernetes.io/hostname": name, ZONE: zone}
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "capacity": ROOM,
            "allocatable": ROOM,
            "conditions": [_condition("Ready", True)],
        }
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status}
        self._client.post("/api/v1/nodes", json=node).raise_for_status()

    def round(self) -> None:
        """Look at each pod and each claim once."""
        for pod in self._client.get("/api/v1/pods").raise_for_status().json()["items"]:
            if "nodeName" in pod["spec"]:
                self._tend(pod)
        for claim in self._client.get("/api/v1/persistentvolumeclaims").raise_for_status().json()["items"]:
            if claim["status"]["phase"] == "Pending":
                self._provide(claim)

    def _tend(self, pod: Resource) -> None:
        metadata = pod["metadata"]
        url = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        if "deletionTimestamp" in metadata:
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
            _unless_gone(self._client.request("DELETE", url, json=body))
        elif self._told.get(metadata["uid"]) not in (SUCCEEDED, FAILED, fate := self.fate(pod)):
            number = len(self._addresses)
            address = self._addresses.setdefault(metadata["uid"], f"10.244.{number // 250}.{number % 250 + 1}")
            patch = {"metadata": {"uid": metadata["uid"]}, "status": _status(pod, fate, address)}
            kind = {"Content-Type": "application/strategic-merge-patch+json"}
            _unless_gone(self._client.patch(f"{url}/status", json=patch, headers=kind))
            self._told[metadata["uid"]] = fate

    def _provide(self, claim: Resource) -> None:
        spec, metadata = claim["spec"], claim["metadata"]
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"pv-{metadata['uid']}"},
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": spec["resources"]["requests"],
                "claimRef": {"namespace": metadata["namespace"], "name": name_of(claim), "uid": metadata["uid"]},
                "storageClassName": spec["storageClassName"],
                "hostPath": {"path": "/nowhere"},
            },
        }
        answer = self._client.post("/api/v1/persistentvolumes", json=volume)
        assert answer.status_code in (201, 409), answer.text  # 409: not bound yet


@contextmanager
def playing(cluster: Cluster, zones: dict[str, str]) -> Iterator[Kubelet]:
    """Nodes that run what is scheduled to them, while the block lasts.

    Args:
        cluster: with controllers.
        zones: the zone of each node by its name.
    """
    enough = threading.Event()
    with cluster.client() as client:
        kubelet = Kubelet(client)
        server = _Server(LOOPBACK, _Handler)
        server.kubelet = kubelet
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cluster.authority.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)

        def work() -> None:
            while not enough.wait(BETWEEN_ROUNDS_S):
                kubelet.round()

        with serving(server):
            for name, zone in zones.items():
                kubelet.add_node(name, zone, server.server_port)
            thread = threading.Thread(target=work)
            thread.start()
            try:
                yield kubelet
            finally:
                enough.set()
                thread.join()


class _Server(ThreadingHTTPServer):
    kubelet: Kubelet


class _Handler(Quiet, BaseHTTPRequestHandler):
    """What the API server asks a kubelet for: the log of a container, and a command to run in one."""

    server: _Server

    def do_GET(self) -> None:
        self._answer(200, self.server.kubelet.log if self.path.startswith("/containerLogs/") else "")

    def do_POST(self) -> None:
        self.server.kubelet.asked.append(parse_qs(urlsplit(self.path).query)["command"])
        self._answer(501, "nothing runs here")

    def _answer(self, code: int, text: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def _status(pod: Resource, fate: str, address: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"startedAt": now, "finishedAt": now}
    succeeded = {"terminated": {"exitCode": 0, "reason": "Completed", **ended}}
    state: dict[str, Any] = {"running": {"startedAt": now}}
    if fate in (SUCCEEDED, FAILED):
        state = succeeded if fate == SUCCEEDED else {"terminated": {"exitCode": 1, "reason": "Error", **ended}}
    ready = fate == READY
    return {
        "phase": fate if fate in (SUCCEEDED, FAILED) else "Running",
        "startTime": now,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            _condition("Initialized", True),
            _condition("ContainersReady", ready),
            _condition("Ready", ready),
        ],
        "initContainerStatuses": [_container(each, True, succeeded) for each in pod["spec"].get("initContainers", ())],
        "containerStatuses": [_container(each, ready, state) for each in pod["spec"]["containers"]],
    }


def _container(container: Resource, ready: bool, state: dict[str, Any]) -> dict[str, Any]:
    image = container["image"]
    return {
        "name": container["name"],
        "image": image,
        "imageID": image,
        "ready": ready,
        "restartCount": 0,
        "started": "running" in state,
        "state": state,
    }


def _condition(of: str, holds: bool) -> dict[str, str]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": of, "status": str(holds), "lastTransitionTime": now}


def _is_of_a_job(pod: Resource) -> bool:
    return any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", ()))


def _unless_gone(answer: httpx.Response) -> None:
    assert answer.is_success or answer.status_code in (404, 409), answer.text
