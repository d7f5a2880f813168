"""The metrics of ingest."""

from railwatch.shared.metrics import SECONDS, MetricsOf

_OWN = MetricsOf(("ingest",))

_SOURCE = "`api`, or the name of its source; those of single settings are `directory`, `bucket` and `stac`"
_POLLED = "the name of the source; those of single settings are `directory`, `bucket` and `stac`"

SCENES = _OWN.counter(
    "railwatch_scenes_total",
    "Scenes that came in, by outcome.",
    source=_SOURCE,
    outcome="`published`, `known` (accepted before), `rejected` (a dead letter), or `deferred` (tried again later)",
    reason="why it was rejected, such as `no-site-overlap`; empty otherwise",
)
SOURCE_FAILURES = _OWN.counter(
    "railwatch_source_failures_total",
    "Polls of a source, and searches of a STAC API over one site, that failed. The next poll tries again.",
    source=_POLLED,
)
SOURCE_COMPLETE = _OWN.gauge(
    "railwatch_source_complete_timestamp_seconds",
    "When everything that a source had was last looked through and nothing was put off; 0 if never. What has "
    "passed since is the source's lag. Every replica tells it, whichever looks through the source.",
    source=_POLLED,
)
SOURCE_HEALTHY = _OWN.gauge(
    "railwatch_source_healthy",
    "Whether the last poll of a source went well. Every replica tells it, whichever looks through the source.",
    source=_POLLED,
)
READ_BYTES = _OWN.counter(
    "railwatch_scene_read_bytes_total",
    "Bytes that were read of scenes and masks that lie elsewhere.",
    source=_SOURCE,
)
TILES_PUBLISHED = _OWN.counter(
    "railwatch_tiles_published_total",
    "Tiles that were cut from scenes and published.",
    source=_SOURCE,
)
SCENE_BYTES = _OWN.histogram(
    "railwatch_scene_bytes",
    "Size of the scenes that were accepted.",
    (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10),
    source=_SOURCE,
)
INGEST_SECONDS = _OWN.histogram(
    "railwatch_ingest_seconds",
    "How long it took to check, cut, store and publish one scene, without fetching its file.",
    SECONDS,
    source=_SOURCE,
)
