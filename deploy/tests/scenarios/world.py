"""Two healthy installations in one Prometheus, and how one of them changes.

`production` and `staging` have two or three replicas of each service. A scenario changes some series of `production`
and says which alerts fire then, and which of them Alertmanager tells people about. No other alert may fire, in either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAMESPACES = ("production", "staging")
REPLICAS = {"ingest": "ab", "detector": "abc", "alerting": "ab"}
RECEIVERS = ("desk", "main")
GROUPS = {
    "detector": ("railwatch-detector",),
    "alerting": ("railwatch-alerting", *(f"railwatch-alerting-to-{receiver}" for receiver in RECEIVERS)),
}
SITES = ("dandong", "khasan", "tumangang", "vladivostok")
DAY_S = 86_400
YEAR_S = 365 * DAY_S
# The labels of each service, of the detector's consumer, and of the source that looks through a STAC API.
INGEST = {"job": "railwatch-ingest"}
DETECTOR = {"job": "railwatch-detector"}
ALERTING = {"job": "railwatch-alerting"}
EVERY_SERVICE = (INGEST, DETECTOR, ALERTING)
OF_DETECTOR = {**DETECTOR, "group": "railwatch-detector"}
OF_STAC = {**INGEST, "source": "stac"}

Labels = dict[str, str]


@dataclass(frozen=True)
class Alert:
    """An alert by its labels."""

    labels: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Its `alertname`."""
        return dict(self.labels)["alertname"]


def alert(alertname: str, severity: str, namespace: str | None = "production", **labels: str) -> Alert:
    """An alert of `production`, unless another namespace is named, or none."""
    where = {"namespace": namespace} if namespace else {}
    return Alert(tuple(sorted({"alertname": alertname, "severity": severity, **where, **labels}.items())))


@dataclass(frozen=True)
class Change:
    """Other values of all series of a metric that have some labels; a new series if there is none.

    Attributes:
        metric: its name.
        values: in promtool's notation; null if the series are gone.
        labels: of `production`, unless they name a namespace.
    """

    metric: str
    values: str | None
    labels: Labels


def change(metric: str, values: str | None, /, **labels: str) -> Change:
    """Other values of a metric."""
    return Change(metric, values, {"namespace": "production", **labels})


@dataclass(frozen=True)
class Then:
    """What is so at one time.

    Attributes:
        at: the time, as promtool writes it.
        told: the alerts that people are told.
        inhibited: the alerts that fire, too, and are the consequence of another.
    """

    at: str
    told: tuple[Alert, ...] = ()
    inhibited: tuple[Alert, ...] = ()


def then(at: str, *told: Alert, inhibited: Sequence[Alert] = ()) -> Then:
    """What is so at one time; nothing fires if nothing is named."""
    return Then(at, told, tuple(inhibited))


@dataclass(frozen=True)
class Scenario:
    """What happens, and what follows from it.

    Attributes:
        name: a sentence.
        changes: what is different from two healthy installations, in this order.
        steps: what is so at some times.
        step_s: time from one sample and evaluation to the next, seconds.
        samples: how many there are.
        posted: alerts that alerting itself posts to Alertmanager at all those times.
    """

    name: str
    changes: tuple[Change, ...]
    steps: tuple[Then, ...]
    step_s: int = 60
    samples: int = 240
    posted: tuple[Alert, ...] = ()

    def series(self) -> Iterator[tuple[str, str]]:
        """Every series of both installations, and its values."""
        found = {(metric, tuple(sorted(labels.items()))): values for metric, labels, values in self._healthy()}
        for one in self.changes:
            wanted = one.labels.items()
            hit = [key for key in found if key[0] == one.metric and wanted <= dict(key[1]).items()]
            for key in hit or [(one.metric, tuple(sorted(one.labels.items())))]:
                if one.values is None:
                    del found[key]
                else:
                    found[key] = one.values
        for (metric, labels), values in found.items():
            of = ", ".join(f'{name}="{value}"' for name, value in labels)
            yield f"{metric}{{{of}}}", values

    def _healthy(self) -> Iterator[tuple[str, Labels, str]]:
        for namespace in NAMESPACES:
            for metric, labels, values in (*self._services(), *self._platform(namespace)):
                yield metric, {"namespace": namespace, **labels}, values

    def _services(self) -> Iterator[tuple[str, Labels, str]]:
        n = self.samples
        always, never, growing = f"1x{n}", f"0x{n}", f"0+1x{n}"
        for service, replicas in REPLICAS.items():
            for replica in replicas:
                own = {"job": f"railwatch-{service}", "instance": f"{service}-{replica}"}
                yield "up", own, always
                yield "process_start_time_seconds", own, always
                yield "railwatch_site_faults", own, never
                yield "railwatch_http_responses_total", {**own, "status": "200"}, growing
                for dependency in ("kafka", "redis", "blobs"):
                    yield "railwatch_ready", {**own, "dependency": dependency}, always
                if service != "detector":
                    yield "railwatch_tokens_file_valid", own, always
                for group in GROUPS.get(service, ()):
                    of_group = {**own, "group": group}
                    yield "railwatch_lag_records", of_group, never
                    yield "railwatch_lag_seconds", of_group, never
                    yield "railwatch_partitions", of_group, f"12x{n}"
                    yield "railwatch_partitions_assigned", of_group, f"{12 // len(replicas)}x{n}"
                    yield "railwatch_records_handled_total", {**of_group, "outcome": "done"}, growing
                    yield "railwatch_records_handled_total", {**of_group, "outcome": "dead-letter"}, never
                yield from (
                    (metric, own | labels, values) for metric, labels, values in getattr(self, f"_{service}")(n)
                )

    def _ingest(self, n: int) -> Iterator[tuple[str, Labels, str]]:
        # A sender's mistake of long ago.
        yield "railwatch_dead_letters_total", {"reason": "no-site-overlap"}, f"7x{n}"
        for source in ("api", "stac"):
            yield "railwatch_scenes_total", {"source": source, "outcome": "published", "reason": ""}, f"0+1x{n}"
        yield "railwatch_source_failures_total", {"source": "stac"}, f"0x{n}"
        yield "railwatch_source_complete_timestamp_seconds", {"source": "stac"}, f"0+{self.step_s}x{n}"

    def _redis(self, n: int) -> Iterator[tuple[str, Labels, str]]:
        yield "railwatch_redis_evicts", {}, f"0x{n}"
        yield "railwatch_redis_evicted_keys", {}, f"0x{n}"
        yield "railwatch_redis_memory_used_bytes", {}, f"500x{n}"
        yield "railwatch_redis_memory_max_bytes", {}, f"1000x{n}"

    def _detector(self, n: int) -> Iterator[tuple[str, Labels, str]]:
        yield from self._redis(n)
        for site in SITES:
            yield "railwatch_site_unregistered_looks", {"site": site}, f"0x{n}"
            yield "railwatch_site_outdated_baselines", {"site": site}, f"0x{n}"

    def _alerting(self, n: int) -> Iterator[tuple[str, Labels, str]]:
        yield from self._redis(n)
        yield "railwatch_look_judged_seconds_count", {}, f"0+1x{n}"
        yield "railwatch_look_judged_seconds_bucket", {"le": "1800.0"}, f"0+1x{n}"
        for site in SITES:
            for miss in ("look", "clear-look"):
                yield "railwatch_site_look_overdue_seconds", {"site": site, "miss": miss}, f"0x{n}"
        for receiver in RECEIVERS:
            of_receiver = {"receiver": receiver}
            yield "railwatch_delivery_healthy", of_receiver, f"1x{n}"
            yield "railwatch_delivery_seconds_count", of_receiver, f"0+0.1x{n}"
            yield "railwatch_delivery_seconds_bucket", {**of_receiver, "le": "300.0"}, f"0+0.1x{n}"
            for outcome in ("failed", "given-up"):
                yield "railwatch_deliveries_total", {**of_receiver, "outcome": outcome}, f"0x{n}"

    def _platform(self, namespace: str) -> Iterator[tuple[str, Labels, str]]:
        """What exporters tell: kube-state-metrics, the kubelet, Strimzi."""
        n = self.samples
        for service, replicas in REPLICAS.items():
            deployment = {"deployment": f"railwatch-{service}"}
            autoscaler = {"horizontalpodautoscaler": f"keda-hpa-railwatch-{service}"}
            yield "kube_deployment_spec_replicas", deployment, f"{len(replicas)}x{n}"
            yield "kube_deployment_status_replicas_available", deployment, f"{len(replicas)}x{n}"
            yield "kube_horizontalpodautoscaler_status_current_replicas", autoscaler, f"{len(replicas)}x{n}"
            yield "kube_horizontalpodautoscaler_spec_max_replicas", autoscaler, f"8x{n}"
            for replica in replicas:
                pod = {"pod": f"railwatch-{service}-5d8-{replica}", "container": "railwatch"}
                yield "kube_pod_container_status_restarts_total", pod, f"0x{n}"
        for broker in ("0", "1", "2"):
            of_broker = {"pod": f"railwatch-broker-{broker}"}
            yield "kafka_server_replicamanager_underreplicatedpartitions", of_broker, f"0x{n}"
            yield "kafka_server_replicamanager_underminisrpartitioncount", of_broker, f"0x{n}"
            yield "kafka_controller_kafkacontroller_offlinepartitionscount", of_broker, f"0x{n}"
            volume = {"persistentvolumeclaim": f"data-0-railwatch-broker-{broker}"}
            yield "kubelet_volume_stats_available_bytes", volume, f"80x{n}"
            yield "kubelet_volume_stats_capacity_bytes", volume, f"100x{n}"
        certificate = {"type": "cluster-ca", "resource_namespace": namespace}
        yield "strimzi_certificate_expiration_timestamp_ms", certificate, f"{YEAR_S}000x{n}"
