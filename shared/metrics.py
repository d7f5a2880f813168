"""The one catalogue of metrics: each is declared here once, and its help is its documentation.

`python -m railwatch.shared.metrics > docs/metrics.md` writes the reference. To add a metric, declare it with
`_counter`, `_gauge` or `_histogram`: the name in Prometheus' style with its unit, the help as one sentence that an
operator can act on, and for each label the values it may take. Labels must be bounded: never an id or a file name; a
site, of which there are as many as the operator configured, only where the metric says nothing without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram


@dataclass(frozen=True)
class Declaration:
    """What is documented of one metric: its name as scraped, its type, its help, and the values of its labels."""

    name: str
    kind: str
    help: str
    labels: dict[str, str]


CATALOGUE: list[Declaration] = []


def _counter(name: str, help_: str, **labels: str) -> Counter:
    CATALOGUE.append(Declaration(name, "counter", help_, labels))
    return Counter(name, help_, tuple(labels))


def _gauge(name: str, help_: str, **labels: str) -> Gauge:
    CATALOGUE.append(Declaration(name, "gauge", help_, labels))
    return Gauge(name, help_, tuple(labels))


def _histogram(name: str, help_: str, buckets: Sequence[float], **labels: str) -> Histogram:
    CATALOGUE.append(Declaration(name, "histogram", help_, labels))
    return Histogram(name, help_, tuple(labels), buckets=buckets)


_GROUP = "the consumer group, without the installation's prefix; each consumes one topic"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_MINUTES = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
_DAYS = (3600, 3 * 3600, 6 * 3600, *(days * 86400 for days in (0.5, 1, 2, 3, 5, 7, 14, 30, 90, 365)))

# Health

READY = _gauge(
    "railwatch_ready",
    "1 when something that the service needs was there as `/readyz` was last asked, 0 when it was away.",
    dependency="as `/readyz` names it, such as `kafka` or `redis`",
)
PROGRESS_AGE_SECONDS = _gauge(
    "railwatch_progress_age_seconds",
    "Time since the service's loop last came round, several times a second when all is well; stuck after a minute.",
)

# Bus

RECORDS_HANDLED = _counter(
    "railwatch_records_handled_total",
    "Records finished: their output was acknowledged and their offset may be committed.",
    group=_GROUP,
    outcome="`done` or `dead-letter`",
)
HANDLE_SECONDS = _histogram(
    "railwatch_handle_seconds",
    "Time one attempt to handle a record took, without publishing.",
    _SECONDS,
    group=_GROUP,
)
HANDLE_RETRIES = _counter(
    "railwatch_handle_retries_total",
    "Attempts that failed in a way that may pass and were put off; the partition waits meanwhile.",
    group=_GROUP,
)
PUBLISH_RETRIES = _counter(
    "railwatch_publish_retries_total",
    "Attempts to publish that the broker did not acknowledge; they are repeated until it does.",
    group=_GROUP,
)
EVENTS_PUBLISHED = _counter(
    "railwatch_events_published_total",
    "Events that the broker acknowledged.",
    type="the event's CloudEvents type",
)
DEAD_LETTERS = _counter(
    "railwatch_dead_letters_total",
    "What could not be processed, by reason; each is kept in the dead-letter topic.",
    reason="the reasons of the code, such as `invalid-body` or `internal-error`",
)
RECORDS_IN_FLIGHT = _gauge(
    "railwatch_records_in_flight",
    "Records fetched and not yet finished.",
    group=_GROUP,
)
LAG_SECONDS = _gauge(
    "railwatch_lag_seconds",
    "Age of the oldest record fetched and not yet finished, by its record timestamp; 0 when there is none.",
    group=_GROUP,
)
LAG_RECORDS = _gauge(
    "railwatch_lag_records",
    "Records between the next offset to commit and the end of the assigned partitions.",
    group=_GROUP,
)
END_TO_END_SECONDS = _histogram(
    "railwatch_end_to_end_seconds",
    "Time from the arrival of the scene in Railwatch to the end of this service's work on it.",
    _MINUTES,
    group=_GROUP,
)
OBSERVED_TO_DONE_SECONDS = _histogram(
    "railwatch_observed_to_done_seconds",
    "Time from the satellite's look to the end of this service's work on it; most of it passes before Railwatch.",
    _DAYS,
    group=_GROUP,
)
COMMITS_REFUSED = _counter(
    "railwatch_commits_refused_total",
    "Commits refused because the group was rebalancing; they are repeated for the partitions that stay.",
    group=_GROUP,
)

# Ingest

_SOURCE = "`api`, `directory`, `bucket` or `stac`"

SCENES = _counter(
    "railwatch_scenes_total",
    "Scenes that came in, by what became of them.",
    source=_SOURCE,
    outcome="`published`, `known` (taken before), `rejected` (dead-lettered), or `deferred` (to be tried again)",
    reason="why it was rejected, such as `no-site-overlap`; empty otherwise",
)
TILES_PUBLISHED = _counter(
    "railwatch_tiles_published_total",
    "Tiles cut from scenes and announced.",
    source=_SOURCE,
)
SCENE_BYTES = _histogram(
    "railwatch_scene_bytes",
    "Size of the scenes that were taken.",
    (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10),
    source=_SOURCE,
)
INGEST_SECONDS = _histogram(
    "railwatch_ingest_seconds",
    "Time to check, cut, store and publish one scene, once its file is here.",
    _SECONDS,
    source=_SOURCE,
)

# Detector

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)

TILES = _counter(
    "railwatch_tiles_total",
    "Looks at tiles, as they were counted or rejected.",
    quality="`ok`, `partial` or `rejected`",
    reference="`baseline`, or `none` for a count from the tile alone",
)
TILE_REJECTIONS = _counter(
    "railwatch_tile_rejections_total",
    "Tiles that could not be counted.",
    reason="such as `registration-unreliable`, `wrong-place`, `ground-hidden`, `coverage-too-low` or `blurred`",
)
SITE_UNREGISTERED_LOOKS = _gauge(
    "railwatch_site_unregistered_looks",
    "Newest looks in a row of which some tile did not match its baseline. Every replica reports all sites: take the "
    "maximum.",
    site="the site's id",
)
STAGE_SECONDS = _histogram(
    "railwatch_stage_seconds",
    "Time that a stage of counting a tile took.",
    _SECONDS,
    stage="`decode`, `registration`, `radiometry`, `visibility`, `tracks`, `strips`, `evidence`, "
    "`segmentation`, `recall` or `pictures`",
)
REGISTRATION_SHIFT = _histogram(
    "railwatch_registration_shift_pixels",
    "How far a baseline had to be moved onto its tile.",
    (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
)
REGISTRATION_RELIABILITY = _histogram(
    "railwatch_registration_reliability_ratio",
    "How far a registration can be believed, 0 to 1; below 0.15 the tile is rejected.",
    _SHARES,
)
COVERAGE = _histogram(
    "railwatch_coverage_ratio",
    "Share of a tile's track length that could be seen.",
    _SHARES,
)
INTERVAL_WIDTH = _histogram(
    "railwatch_interval_width_ratio",
    "Width of a tile's 90 % interval over its count, for counts of 5 railcars and more.",
    (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2),
)
BASELINES_SET = _counter(
    "railwatch_baselines_set_total",
    "Tiles that became the baseline of the looks that follow.",
    origin="`first-good-look` or `operator`",
)
RECALL_CARS_INJECTED = _counter(
    "railwatch_recall_cars_injected_total",
    "Known railcars painted into copies of real tiles to see whether they are found; no alert ever hears of them.",
    site="the site's id",
)
RECALL_CARS_RECOVERED = _counter(
    "railwatch_recall_cars_recovered_total",
    "Of those, the railcars that were found within 5 m of where they were painted: over the injected, the site's "
    "recall.",
    site="the site's id",
)

# Alerting

_SITE = "the site's id"
_RECEIVER = "the receiver's name in the settings"

OBSERVATIONS = _counter(
    "railwatch_observations_total",
    "Looks that entered a site's history, or were judged anew after a correction.",
    state="how the site stands after it: `learning`, `normal`, `alert` or `unobserved`; `archival` if it came late",
)
ALERT_TRANSITIONS = _counter(
    "railwatch_alert_transitions_total",
    "Steps in the lives of alerts, as they were decided.",
    transition="`opened`, `updated`, `resolved`, `retracted`, `acknowledged` or `silenced`",
)
ALERTS_STANDING = _gauge(
    "railwatch_alerts_standing",
    "Alerts that are open now. Every replica of alerting reports all sites: take the maximum, not the sum.",
)
SITE_COUNT = _gauge(
    "railwatch_site_count",
    "Railcars at the last look at which the site could be judged. Every replica reports all sites: take the maximum.",
    site=_SITE,
)
SITE_THRESHOLD = _gauge(
    "railwatch_site_threshold",
    "Count above which that look would have raised an alert; absent while the site is still learned.",
    site=_SITE,
)
SITE_CLEAR_LOOK = _gauge(
    "railwatch_site_last_clear_look_timestamp_seconds",
    "When the satellite last saw enough of the site to judge it, in seconds since 1970.",
    site=_SITE,
)
SITE_OVERDUE_SECONDS = _gauge(
    "railwatch_site_look_overdue_seconds",
    "How long ago the next look at the site should have come; 0 while it is not due. Every replica reports all sites.",
    site=_SITE,
    miss="`look`: none at all, a provider may be dead; `clear-look`: looks came, but the site was hidden on them",
)
DELIVERIES = _counter(
    "railwatch_deliveries_total",
    "Attempts to deliver a transition of an alert or of a missed look to a receiver, and what came of them.",
    receiver=_RECEIVER,
    outcome="`delivered`, `repeated` (it had this one already), `before-receiver` (older than the receiver), "
    "`silenced`, "
    "`failed` (tried again) or `given-up` (a dead letter)",
)
DELIVERY_HEALTHY = _gauge(
    "railwatch_delivery_healthy",
    "1 while the last attempt to reach the receiver succeeded, 0 after one that failed.",
    receiver=_RECEIVER,
)


def reference() -> str:
    """The catalogue as a page of Markdown."""
    lines = [
        "# Metrics",
        "",
        "Every metric of Railwatch, generated by `python -m railwatch.shared.metrics`. Each service serves its own",
        "at `/metrics`, beside the Python process' own (`process_*`, `python_*`).",
        "",
        "| metric | type | meaning | labels |",
        "| --- | --- | --- | --- |",
    ]
    for metric in sorted(CATALOGUE, key=lambda metric: metric.name):
        labels = "; ".join(f"`{label}`: {values}" for label, values in metric.labels.items())
        lines.append(f"| `{metric.name}` | {metric.kind} | {metric.help} | {labels} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
