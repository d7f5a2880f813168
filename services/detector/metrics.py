"""The metrics of the detector."""

from railwatch.shared.metrics import SECONDS, MetricsOf

_OWN = MetricsOf(("detector",))

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)

TILES = _OWN.counter(
    "railwatch_tiles_total",
    "Looks at tiles, as they were counted or rejected.",
    quality="`ok`, `partial` or `rejected`",
    reference="`baseline`, or `none` for a count from the tile alone",
)
TILE_REJECTIONS = _OWN.counter(
    "railwatch_tile_rejections_total",
    "Tiles that could not be counted.",
    reason="such as `registration-unreliable`, `wrong-place`, `ground-hidden`, `coverage-too-low` or `blurred`",
)
SITE_UNREGISTERED_LOOKS = _OWN.gauge(
    "railwatch_site_unregistered_looks",
    "Newest looks in a row of which some tile did not match its baseline. Every replica reports all sites: take the "
    "maximum.",
    site="the site's id",
)
STAGE_SECONDS = _OWN.histogram(
    "railwatch_stage_seconds",
    "Time that a stage of counting a tile took.",
    SECONDS,
    stage="`decode`, `registration`, `radiometry`, `visibility`, `tracks`, `strips`, `evidence`, "
    "`segmentation`, `recall` or `pictures`",
)
REGISTRATION_SHIFT = _OWN.histogram(
    "railwatch_registration_shift_pixels",
    "How far a baseline had to be moved onto its tile.",
    (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
)
REGISTRATION_RELIABILITY = _OWN.histogram(
    "railwatch_registration_reliability_ratio",
    "How far a registration can be believed, 0 to 1; below 0.15 the tile is rejected.",
    _SHARES,
)
COVERAGE = _OWN.histogram(
    "railwatch_coverage_ratio",
    "Share of a tile's track length that could be seen.",
    _SHARES,
)
INTERVAL_WIDTH = _OWN.histogram(
    "railwatch_interval_width_ratio",
    "Width of a tile's 90 % interval over its count, for counts of 5 railcars and more.",
    (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2),
)
BASELINES_SET = _OWN.counter(
    "railwatch_baselines_set_total",
    "Tiles that became the baseline of the looks that follow.",
    origin="`first-good-look` or `operator`",
)
RECALL_CARS_INJECTED = _OWN.counter(
    "railwatch_recall_cars_injected_total",
    "Known railcars painted into copies of real tiles to see whether they are found; no alert ever hears of them.",
    site="the site's id",
)
RECALL_CARS_RECOVERED = _OWN.counter(
    "railwatch_recall_cars_recovered_total",
    "Of those, the railcars that were found within 5 m of where they were painted: over the injected, the site's "
    "recall.",
    site="the site's id",
)
