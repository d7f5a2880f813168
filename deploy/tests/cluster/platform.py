"""What a platform has before Railwatch comes: the operators' definitions, a namespace, a storage class, and rights."""

import os
from pathlib import Path
from typing import Any

import yaml

from deploy.tests.cluster.control_plane import DEPLOYER, NAMESPACE, Cluster
from deploy.tests.crds import DIRECTORY
from deploy.tests.crds.sources import SOURCES
from deploy.tests.rendering import DEPLOY
from tests.support.bus import eventually

RIGHTS = Path(__file__).with_name("rights.yaml")
STORAGE = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
}
# Of cert-manager, whose definitions no test reads: only that they are there.
CERTIFICATES = ("Certificate", "CertificateRequest")


def prepare(cluster: Cluster) -> None:
    """Install all of it. The operators themselves do not run."""
    for source in SOURCES:
        cluster.kubectl("apply", "--server-side", "--filename", str(DIRECTORY / f"{source.operator}.yaml"))
    for kind in CERTIFICATES:
        cluster.kubectl("create", "--filename", "-", given=_defined(kind))
    cluster.kubectl("wait", "crd", "--all", "--for", "condition=Established", "--timeout", "60s")
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("apply", "--filename", str(RIGHTS))
    cluster.kubectl("create", "--filename", "-", given=STORAGE)
    # The controllers give Kubernetes' own roles their rights, and the namespace an account for pods.
    may = ("kubectl", "auth", "can-i", "create", "deployments")
    eventually(lambda: cluster.run(*may, user=DEPLOYER).returncode == 0, "the roles have their rights")
    account = ("kubectl", "get", "serviceaccount", "default")
    eventually(lambda: cluster.run(*account).returncode == 0, "pods have an account")


def path_of(overlay: str) -> str:
    """The directory of an overlay."""
    return str(DEPLOY / "kubernetes" / "overlays" / overlay)


def apply(cluster: Cluster, directory: str, user: str = DEPLOYER) -> str:
    """Apply an overlay, as the documents say, and give back what kubectl said."""
    return cluster.kubectl("apply", "--server-side", "--kustomize", directory, user=user)


def with_other_image(overlay: str, tag: str, directory: Path) -> str:
    """A directory with an overlay of an overlay, in which the image of the services has another tag."""
    image = "registry.example/railwatch" if overlay == "production" else "localhost/railwatch"
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(path_of(overlay), directory.resolve())],
        "images": [{"name": image, "newTag": tag}],
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return str(directory)


def certificate(kind: str, name: str) -> dict[str, Any]:
    """A resource of cert-manager, as it makes one for an Ingress."""
    return {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": name}}


def _defined(kind: str) -> dict[str, Any]:
    """A definition that takes anything."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.cert-manager.io"},
        "spec": {"group": "cert-manager.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }
