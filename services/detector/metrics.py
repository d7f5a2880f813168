"""The metrics of the detector."""

from railwatch.shared.metrics import SECONDS, MetricsOf

_OWN = MetricsOf(("detector",))

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)

TILES = _OWN.counter(
    "railwatch_tiles_total",
    "Tiles that were counted, measured or rejected.",
    quality="`ok`, `partial`, `measured` (metres of track, not cars) or `rejected`",
    reference="`baseline`, or `none` for a count from the tile alone",
)
TILE_REJECTIONS = _OWN.counter(
    "railwatch_tile_rejections_total",
    "Tiles that could not be counted.",
    reason="such as `registration-unreliable`, `wrong-place`, `ground-hidden`, `coverage-too-low` or `blurred`",
)
SITE_UNREGISTERED_LOOKS = _OWN.gauge(
    "railwatch_site_unregistered_looks",
    "Looks since the last that matched its baseline, 100 at most. Every replica reports all sites: take the maximum.",
    site="the site's id",
)
STAGE_SECONDS = _OWN.histogram(
    "railwatch_stage_seconds",
    "How long a stage of counting a tile took.",
    SECONDS,
    stage="`decode`, `registration`, `radiometry`, `visibility`, `tracks`, `strips`, `evidence`, "
    "`segmentation`, `recall` or `pictures`; `composite` is making and measuring a new baseline, beside the counts",
)
REGISTRATION_SHIFT = _OWN.histogram(
    "railwatch_registration_shift_pixels",
    "How far a baseline was moved onto its tile.",
    (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32),
)
REGISTRATION_RELIABILITY = _OWN.histogram(
    "railwatch_registration_reliability_ratio",
    "How reliable a registration is, from 0 to 1; below 0.15 the tile is rejected.",
    _SHARES,
)
COVERAGE = _OWN.histogram(
    "railwatch_coverage_ratio",
    "Share of a cell's track length that was seen.",
    _SHARES,
)
INTERVAL_WIDTH = _OWN.histogram(
    "railwatch_interval_width_ratio",
    "Width of a tile's 90 % interval divided by its count, for counts of 5 railcars and more.",
    (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2),
)
BASELINES_SET = _OWN.counter(
    "railwatch_baselines_set_total",
    "Pictures that became the baseline of later looks.",
    origin="`first-good-look`, `operator` or `composite`",
)
BASELINE_RENEWALS = _OWN.counter(
    "railwatch_baseline_renewals_total",
    "Composites that were made of the last good looks, and what became of them.",
    site="the site's id",
    why="the new one is the baseline: `more-ground`, `closer-match`, `ground-changed` (a building, a relaid track), "
    "`by-a-person`; it is not: `not-better`, `operator-stands` (it is better, and an operator chose the other), "
    "`too-few-fit`, `failed` (a fault, or a process that died over it; the log says which)",
)
SITE_OUTDATED_BASELINES = _OWN.gauge(
    "railwatch_site_outdated_baselines",
    "Baselines that an operator chose and than which a composite would be better. Every replica reports all sites: "
    "take the maximum.",
    site="the site's id",
)
RECALL_CARS_INJECTED = _OWN.counter(
    "railwatch_recall_cars_injected_total",
    "Known railcars that were painted into copies of real tiles to see whether they are found; no alert includes them.",
    site="the site's id",
)
RECALL_CARS_RECOVERED = _OWN.counter(
    "railwatch_recall_cars_recovered_total",
    "Painted railcars that were found within 5 m of their place; divided by those injected, it is the site's recall.",
    site="the site's id",
)
