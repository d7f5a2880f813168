"""The styles: which world a scene is of, and how it was seen."""

from dataclasses import dataclass, field, replace

from railwatch.training.held_out.field import Colour

Range = tuple[float, float]

GRANITE, BROWN, PALE, CINDER, PINK = (
    (0.27, 0.265, 0.26),
    (0.19, 0.15, 0.115),
    (0.37, 0.36, 0.33),
    (0.105, 0.10, 0.10),
    (0.30, 0.235, 0.21),
)
RED_SOIL, DUST = (0.30, 0.20, 0.14), (0.52, 0.5, 0.45)

BESIDE = {
    "platform": 0.1,
    "canopy": 0.05,
    "crossing": 0.2,
    "bridge": 0.05,
    "overbridge": 0.05,
    "containers": 0.25,
    "trucks": 0.5,
    "buildings": 0.8,
    "trees": 0.8,
    "catenary": 0.25,
}


@dataclass(frozen=True)
class Style:
    """What scenes of a style have in common; ranges are drawn from, shares are chances.

    Attributes:
        fleet: kinds of vehicles, and how often each.
        tracks: yard tracks, fewest and most.
        mains: running lines beside them, fewest and most.
        gauges_m: between the rails.
        spacing_m: between tracks.
        gsd_m: ground sample distance.
        occupied: share of the yard tracks that hold vehicles; of mains a fifth of it.
        filled: share of an occupied track's length under vehicles.
        stays: chance that a cut stood there at the baseline's date too.
        block: chance that a cut is of one kind.
        ballast: colours of the bed.
        concrete: chance of concrete sleepers.
        slab: chance of track on a slab.
        weeds: how overgrown.
        dust: how dusty, 0 to 1.
        off_nadir_deg: angle of the view.
        sun_deg: elevation of the sun.
        haze: share of the light that is haze.
        cloud: opacity of thin cloud at its thickest.
        snow: chance of snow on either date.
        sharpen: strength of over-sharpening.
        coarser: optics and sampling coarser than the pixels delivered by this factor.
        jpeg: quality of lossy coding, or None.
        tones: tone curves: `plain`, `web`, `flat`, `bgr`, `pan`, `linear16`.
        beside: chances of what stands beside, over and under the tracks.
    """

    fleet: dict[str, float]
    tracks: tuple[int, int] = (2, 6)
    mains: tuple[int, int] = (0, 2)
    gauges_m: tuple[float, ...] = (1.435,)
    spacing_m: Range = (4.3, 5.4)
    gsd_m: Range = (0.25, 0.6)
    occupied: float = 0.7
    filled: Range = (0.3, 0.95)
    stays: float = 0.25
    block: float = 0.45
    ballast: tuple[Colour, ...] = (GRANITE, BROWN, PALE, PINK)
    concrete: float = 0.5
    slab: float = 0.0
    weeds: Range = (0.0, 0.5)
    dust: Range = (0.0, 0.15)
    off_nadir_deg: Range = (0.0, 9.0)
    sun_deg: Range = (24.0, 66.0)
    haze: Range = (0.0, 0.12)
    cloud: Range = (0.0, 0.0)
    snow: float = 0.0
    sharpen: Range = (0.0, 0.6)
    coarser: Range = (1.0, 1.25)
    jpeg: tuple[int, int] | None = (70, 95)
    tones: tuple[str, ...] = ("plain", "web", "flat", "linear16")
    beside: dict[str, float] = field(default_factory=lambda: dict(BESIDE))


FREIGHT = {
    "boxcar": 2.0,
    "covered hopper": 2.5,
    "black tank": 2.0,
    "gondola": 1.5,
    "long gondola": 1.0,
    "flat": 0.6,
    "container flat": 1.0,
    "hood locomotive": 0.4,
}
EUROPE = {
    "covered van": 1.5,
    "sliding wall": 2.0,
    "black tank": 1.5,
    "white tank": 0.7,
    "gondola": 1.5,
    "skeleton": 0.8,
    "container flat": 2.0,
    "articulated flat": 0.8,
    "articulated carrier": 0.7,
    "four-wheel van": 0.5,
    "electric locomotive": 0.4,
}
AMERICA = {**FREIGHT, "autorack": 2.5, "well car": 2.5, "coal hopper": 1.0}

STYLES: dict[str, Style] = {
    "american": Style(AMERICA, tracks=(2, 7), sun_deg=(28, 70)),
    "cement": Style(
        {"four-wheel hopper": 3, "cement hopper": 3, "white tank": 1.5, "four-wheel van": 0.5, "hood locomotive": 0.3},
        tracks=(1, 4),
        mains=(1, 3),
        gauges_m=(1.0, 1.067, 1.435),
        spacing_m=(4.0, 5.2),
        occupied=0.75,
        stays=0.7,
        block=0.7,
        ballast=(PALE, BROWN, GRANITE),
        dust=(0.45, 1.0),
        gsd_m=(0.2, 0.45),
    ),
    "coal": Style(
        {"coal hopper": 5, "gondola": 1.5, "hood locomotive": 0.4},
        tracks=(3, 9),
        gauges_m=(1.067, 1.435, 1.52),
        block=0.85,
        ballast=(CINDER, (0.08, 0.075, 0.072), (0.13, 0.115, 0.10)),
        dust=(0.0, 0.0),
        occupied=0.7,
    ),
    "full-yard": Style(
        {**EUROPE, **FREIGHT}, tracks=(6, 13), mains=(1, 3), spacing_m=(4.1, 4.9), occupied=0.95, filled=(0.7, 1.0)
    ),
    "broad-gauge": Style(
        {"gondola": 4, "black tank": 2, "covered van": 2.5, "container flat": 1, "coach": 0.4, "coal hopper": 1},
        gauges_m=(1.676, 1.6, 1.52),
        spacing_m=(4.7, 5.6),
        ballast=(BROWN, PINK, RED_SOIL),
        concrete=0.8,
        haze=(0.08, 0.3),
        weeds=(0.1, 0.7),
        tones=("plain", "flat", "bgr", "linear16"),
    ),
    "metre-gauge": Style(
        {"four-wheel van": 2, "four-wheel open": 3, "cement hopper": 0.7, "flat": 0.5, "covered van": 0.7},
        gauges_m=(1.0, 1.067),
        spacing_m=(3.9, 4.7),
        gsd_m=(0.2, 0.4),
        tracks=(1, 5),
        weeds=(0.2, 0.9),
        concrete=0.2,
        stays=0.4,
    ),
    "empties": Style(
        {"flat": 2.5, "skeleton": 2, "long gondola": 2, "gondola": 2, "well car": 0.4},
        ballast=(BROWN, RED_SOIL, PINK),
        weeds=(0.1, 0.6),
        block=0.7,
    ),
    "passenger": Style(
        {"multiple unit": 2.5, "coach": 2, "electric locomotive": 0.4, "sliding wall": 1, "black tank": 0.7},
        mains=(1, 4),
        slab=0.2,
        beside={**BESIDE, "platform": 0.95, "canopy": 0.6, "catenary": 0.7},
        block=0.7,
    ),
    "oblique": Style({**EUROPE, **FREIGHT}, off_nadir_deg=(12.0, 25.0), tracks=(2, 8), filled=(0.4, 1.0)),
    "winter": Style({**EUROPE, **FREIGHT}, snow=0.75, sun_deg=(12.0, 30.0), weeds=(0.0, 0.3), concrete=0.4),
    "sharpened": Style(
        {**AMERICA, **EUROPE},
        gsd_m=(0.15, 0.32),
        sharpen=(0.9, 2.4),
        coarser=(1.2, 2.2),
        jpeg=(35, 80),
        tones=("web", "web", "plain", "flat"),
    ),
    "coarse": Style(
        {**EUROPE, **FREIGHT}, gsd_m=(0.7, 1.0), tones=("pan", "linear16", "plain"), jpeg=None, tracks=(2, 8)
    ),
    "hazy": Style(
        {**EUROPE, **FREIGHT}, haze=(0.2, 0.55), cloud=(0.2, 0.6), tones=("plain", "flat", "bgr", "linear16")
    ),
    "distracting": Style(
        {**FREIGHT, **EUROPE},
        tracks=(2, 4),
        mains=(1, 3),
        occupied=0.25,
        filled=(0.2, 0.5),
        slab=0.15,
        weeds=(0.0, 0.9),
        dust=(0.0, 0.5),
        beside={
            **BESIDE,
            "crossing": 0.7,
            "bridge": 0.6,
            "overbridge": 0.2,
            "containers": 0.9,
            "trucks": 0.9,
            "platform": 0.4,
            "canopy": 0.3,
        },
    ),
}
STYLES["empty"] = replace(STYLES["distracting"], occupied=0.0)
