"""The metrics of ingest."""

from railwatch.shared.metrics import SECONDS, MetricsOf

_OWN = MetricsOf(("ingest",))

_SOURCE = "`api`, `directory`, `bucket` or `stac`"

SCENES = _OWN.counter(
    "railwatch_scenes_total",
    "Scenes that came in, by what became of them.",
    source=_SOURCE,
    outcome="`published`, `known` (taken before), `rejected` (dead-lettered), or `deferred` (to be tried again)",
    reason="why it was rejected, such as `no-site-overlap`; empty otherwise",
)
TILES_PUBLISHED = _OWN.counter(
    "railwatch_tiles_published_total",
    "Tiles cut from scenes and announced.",
    source=_SOURCE,
)
SCENE_BYTES = _OWN.histogram(
    "railwatch_scene_bytes",
    "Size of the scenes that were taken.",
    (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10),
    source=_SOURCE,
)
INGEST_SECONDS = _OWN.histogram(
    "railwatch_ingest_seconds",
    "Time to check, cut, store and publish one scene, once its file is here.",
    SECONDS,
    source=_SOURCE,
)
