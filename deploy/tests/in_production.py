"""What is in production by the words with which people ask kubectl for it."""

from deploy.tests.rendering import DEPLOY, Resource, labels_of, name_of, of_kind, overlay, pod_templates
from deploy.tests.strimzi import strimzi_pods

PRODUCTION = overlay("production")
# Kinds as people type them. Those that are not of the cluster's own come with operators.
KINDS = {
    "deployment": "Deployment",
    "pod": "Pod",
    "pods": "Pod",
    "pvc": "PersistentVolumeClaim",
    "namespaces": "Namespace",
    "storageclasses": "StorageClass",
    "secret": "Secret",
    "kafka": "Kafka",
    "kafkanodepools": "KafkaNodePool",
    "kafkausers": "KafkaUser",
    "scaledobject": "ScaledObject",
    "scaledobjects": "ScaledObject",
    "hpa": "HorizontalPodAutoscaler",
    "certificates": "Certificate",
    "certificaterequests": "CertificateRequest",
}
# Kinds that belong to no namespace.
OF_THE_CLUSTER = {"Namespace", "StorageClass"}
# What stands for the name of a pod, which is made when it starts.
A_POD = "NAME"


def names_of(kind: str) -> set[str]:
    """The names of all resources of a kind: ours, those that operators make of ours, and a platform's."""
    names = {name_of(resource) for resource in of_kind(PRODUCTION, kind)}
    if kind == "Pod":
        names.add(A_POD)
    elif kind == "StorageClass":
        names.add("the platform's")
    elif kind == "Secret":
        names |= {name_of(resource) for resource in of_kind(PRODUCTION, "ExternalSecret", "KafkaUser")}
        clusters = [name_of(kafka) for kafka in of_kind(PRODUCTION, "Kafka")]
        names |= {f"{cluster}-{authority}-ca-cert" for cluster in clusters for authority in ("cluster", "clients")}
    elif kind in ("Certificate", "CertificateRequest"):  # cert-manager names a certificate after its Secret
        issued = [i for i in of_kind(PRODUCTION, "Ingress") if "cert-manager.io/cluster-issuer" in _notes(i)]
        names |= {tls["secretName"] for ingress in issued for tls in ingress["spec"]["tls"]}
    elif kind == "HorizontalPodAutoscaler":
        names |= {f"keda-hpa-{name_of(scaled)}" for scaled in of_kind(PRODUCTION, "ScaledObject")}
    return names


def is_selected(kind: str, selector: str) -> bool:
    """Whether a selector, `label=value`, takes any resource of a kind."""
    label, _, value = selector.partition("=")
    if kind == "Namespace":  # labelled by hand, for the policies
        return f"{label}: {value}" in (DEPLOY / "kubernetes" / "base" / "network-policies.yaml").read_text()
    if kind == "Pod":
        pods = [*pod_templates(PRODUCTION).values(), *strimzi_pods(PRODUCTION).values()]
        labels = [labels_of(pod) for pod in pods]
    elif kind == "PersistentVolumeClaim":  # Strimzi gives them the labels of their pools
        labels = [labels_of(pool) for pool in of_kind(PRODUCTION, "KafkaNodePool")]
    else:
        labels = [resource["metadata"].get("labels", {}) for resource in of_kind(PRODUCTION, kind)]
    return any(each.get(label) == value for each in labels)


def _notes(resource: Resource) -> dict[str, str]:
    return resource["metadata"].get("annotations") or {}
