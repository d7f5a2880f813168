"""Where the definitions come from: each operator in the version that we test with."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Source:
    """A package of an operator in a registry: a Java artifact, or a Go module with YAML or with Go types."""

    operator: str
    package: str
    version: str
    # A kind, and where it is in the package: a Java class, the path of a YAML file, or a Go package.
    kinds: dict[str, str]


STRIMZI = Source(
    "strimzi",
    "io.strimzi:api",
    "1.2.0",
    {
        "Kafka": "io.strimzi.api.kafka.model.kafka.Kafka",
        "KafkaNodePool": "io.strimzi.api.kafka.model.nodepool.KafkaNodePool",
        "KafkaTopic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
        "KafkaUser": "io.strimzi.api.kafka.model.user.KafkaUser",
    },
)
KEDA = Source(
    "keda",
    "github.com/kedacore/keda/v2",
    "2.21.0",
    {
        "ScaledObject": "config/crd/bases/keda.sh_scaledobjects.yaml",
        "TriggerAuthentication": "config/crd/bases/keda.sh_triggerauthentications.yaml",
    },
)
EXTERNAL_SECRETS = Source(
    "external-secrets",
    "github.com/external-secrets/external-secrets",
    "1.3.2",
    {"ExternalSecret": "config/crds/bases/external-secrets.io_externalsecrets.yaml"},
)
PROMETHEUS_OPERATOR = Source(
    "prometheus-operator",
    "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring",
    "0.95.2",
    dict.fromkeys(("PodMonitor", "PrometheusRule", "ServiceMonitor"), "v1"),
)
SOURCES = (STRIMZI, KEDA, EXTERNAL_SECRETS, PROMETHEUS_OPERATOR)
