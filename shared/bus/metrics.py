"""The metrics of publishers and of workers."""

from railwatch.shared.metrics import DAYS, MINUTES, SECONDS, MetricsOf
from railwatch.shared.process import SERVICES

_PUBLISHERS = MetricsOf(SERVICES)
_WORKERS = MetricsOf(("detector", "alerting"))

_GROUP = "the consumer group, without the installation's prefix; each group consumes one topic"


RECORDS_HANDLED = _WORKERS.counter(
    "railwatch_records_handled_total",
    "Finished records: their output was acknowledged, and their offset may be committed.",
    group=_GROUP,
    outcome="`done` or `dead-letter`",
)
HANDLE_SECONDS = _WORKERS.histogram(
    "railwatch_handle_seconds",
    "How long one attempt to handle a record took, without publishing.",
    SECONDS,
    group=_GROUP,
)
HANDLE_RETRIES = _WORKERS.counter(
    "railwatch_handle_retries_total",
    "Attempts that failed and are repeated later; the partition waits until then.",
    group=_GROUP,
)
PUBLISH_RETRIES = _WORKERS.counter(
    "railwatch_publish_retries_total",
    "Attempts to publish that the broker did not acknowledge; they are repeated until it does.",
    group=_GROUP,
)
EVENTS_PUBLISHED = _PUBLISHERS.counter(
    "railwatch_events_published_total",
    "Events that the broker acknowledged.",
    type="the event's CloudEvents type",
)
DEAD_LETTERS = _PUBLISHERS.counter(
    "railwatch_dead_letters_total",
    "Dead letters, by reason; each is kept in the dead-letter topic.",
    reason="the reasons of the code, such as `invalid-body` or `internal-error`",
)
RECORDS_IN_FLIGHT = _WORKERS.gauge(
    "railwatch_records_in_flight",
    "Records that were fetched and are not yet finished.",
    group=_GROUP,
)
LAG_SECONDS = _WORKERS.gauge(
    "railwatch_lag_seconds",
    "Age of the oldest record that was fetched and is not yet finished; 0 if there is none.",
    group=_GROUP,
)
LAG_RECORDS = _WORKERS.gauge(
    "railwatch_lag_records",
    "Records that are not yet finished, up to the end of the assigned partitions.",
    group=_GROUP,
)
PARTITIONS_ASSIGNED = _WORKERS.gauge(
    "railwatch_partitions_assigned",
    "Partitions that this replica works on. All replicas together have all, or records wait that no lag tells of.",
    group=_GROUP,
)
PARTITIONS = _WORKERS.gauge(
    "railwatch_partitions",
    "Partitions of the topic that the group consumes. Every replica reports all: take the maximum.",
    group=_GROUP,
)
END_TO_END_SECONDS = _WORKERS.histogram(
    "railwatch_end_to_end_seconds",
    "Time from the arrival of the scene in Railwatch to the end of this service's work on it.",
    MINUTES,
    group=_GROUP,
)
OBSERVED_TO_DONE_SECONDS = _WORKERS.histogram(
    "railwatch_observed_to_done_seconds",
    "Time from the satellite's look to the end of this service's work on it; most of it passes before Railwatch.",
    DAYS,
    group=_GROUP,
)
COMMITS_REFUSED = _WORKERS.counter(
    "railwatch_commits_refused_total",
    "Commits that were refused because the group was rebalancing; they are repeated for the partitions that stay.",
    group=_GROUP,
)
