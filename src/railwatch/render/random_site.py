"""Random yards: layout, ground, and objects beside and over the tracks."""

import numpy as np

from railwatch.render import furnish, palette
from railwatch.render.canvas import Frame
from railwatch.render.ground import GroundStyle
from railwatch.render.scene import RenderedSite
from railwatch.render.yard import RenderedTrack, YardKind, lay_tracks


def random_site(rng: np.random.Generator, condition: str, gsd_m: float, size_px: int) -> RenderedSite:
    """Draw a yard somewhere on the Earth that suits a condition."""
    supersample = 2 if gsd_m <= 0.6 else 3
    size_m = size_px * gsd_m
    margin = 8 * gsd_m + 0.012 * size_m + 6
    frame = Frame((size_px, size_px), gsd_m, supersample, margin)
    kinds: list[YardKind] = ["parallel", "ladder", "double-ended", "main", "siding"]
    kind = kinds[int(rng.choice(5, p=[0.45, 0.25, 0.15, 0.07, 0.08]))]
    tracks = int(rng.integers(3, 15)) if kind in ("parallel", "ladder", "double-ended") else int(rng.integers(1, 4))
    if condition == "dense":
        kind, tracks = "parallel", int(rng.integers(10, 21))
    if condition == "throat":
        kind, tracks = ("ladder", "double-ended")[int(rng.integers(2))], int(rng.integers(4, 13))
    if condition in ("train-left", "cars-in-baseline", "tarps", "flats") and kind == "main":
        kind, tracks = "parallel", int(rng.integers(4, 10))
    radius = float(rng.uniform(250, 700)) if condition == "curved" else None
    most = max(1, int(0.8 * size_m / 5.2))
    lines: tuple[RenderedTrack, ...] = ()
    while not any(track.length_m > 0.5 * size_m for track in lines):
        lines = lay_tracks(
            rng,
            frame.size_m,
            kind,
            min(tracks, most),
            curve_radius_m=radius,
            lateral_error_m=float(rng.choice([0.3, 1.0, 2.0, 3.0], p=[0.35, 0.35, 0.2, 0.1])),
            gauge_m=float(rng.choice([1.435, 1.52])),
        )
    richness = float(rng.uniform(0.5, 1.2) if condition == "empty-clutter" else rng.uniform(0, 0.9))
    return RenderedSite(
        frame=frame,
        longitude_deg=float(rng.uniform(-120, 140)),
        latitude_deg=float(rng.uniform(25, 60)),
        tracks=lines,
        ground=_ground_style(rng, condition),
        roads=furnish.roads(rng, lines, frame.size_m, int(rng.integers(0, 3))),
        structures=furnish.structures(rng, lines, frame.size_m, richness),
        overheads=furnish.overheads(rng, lines, frame.size_m, electrified=bool(rng.random() < 0.35)),
        seed=int(rng.integers(1 << 30)),
    )


def _ground_style(rng: np.random.Generator, condition: str) -> GroundStyle:
    kinds = ["brown", "rusted"] if condition in ("brown", "low-contrast") else list(palette.BALLAST)
    return GroundStyle(
        ballast=str(rng.choice(kinds)),
        patches=str(rng.choice(list(palette.BALLAST))),
        patch_share=float(rng.choice([0.01, rng.uniform(0.05, 0.5)])),
        between=str(rng.choice(["ballast", "ballast", "dirt", "grass"])),
        bed_half_width_m=float(rng.uniform(1.5, 2.7)),
        dirt=palette.pick(rng, palette.DIRT),
        grass_share=float(rng.uniform(0, 0.95)),
        weeds=float(rng.choice([0.01, rng.uniform(0.05, 0.5)])),
        concrete_sleepers=bool(rng.random() < 0.5),
        sleeper_contrast=float(rng.uniform(0.1, 1)),
        polished=float(rng.beta(0.6, 1.2)),
        oil=float(rng.beta(1.2, 2.5)),
        rust=float(rng.uniform(0, 1)),
        roughness=float(rng.uniform(0.4, 1.5)),
        fields=float(rng.choice([0.0, rng.uniform(0, 1)])),
        softness=float(rng.uniform(0.3, 1.8)),
        rail_contrast=float(rng.uniform(0.25, 0.9)),
    )
