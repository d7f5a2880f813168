"""The metrics of ingest."""

from railwatch.shared.metrics import SECONDS, MetricsOf

_OWN = MetricsOf(("ingest",))

_SOURCE = "`api`, `directory`, `bucket` or `stac`"

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
    source="`directory`, `bucket` or `stac`",
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
