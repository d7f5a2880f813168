"""Evidence at each half metre of track that a car's body, or a coupling gap, is there now.

A small network turns the features of each sample and its surroundings into log-likelihood ratios. There is one network
for a tile with its baseline and one for a tile alone. Both were fitted by `railwatch.training`.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.intervals import Calibration
from railwatch.services.detector.cars.joined import JOINED_FILE, Joined, load_joined
from railwatch.services.detector.cars.scores import Evidence, Weights
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.imagery.raster import Raster, luminance
from railwatch.services.detector.tracks.axes import load_axes
from railwatch.services.detector.tracks.network import Network, load_network
from railwatch.services.detector.tracks.sessions import Session
from railwatch.services.detector.tracks.strips import PAD, STEP_M, Layout

MODEL_FILE = Path(__file__).with_name("model") / "evidence.npz"
# A sample counts as seen where this share of the strip is seen, within half the width of a body of the track.
SEEN_SHARE = 0.7
BODY_HALF_WIDTH_M = 1.5
# The classes of the network.
EMPTY, BODY, GAP = range(CLASSES := 3)


@dataclass(frozen=True)
class Model:
    """The parts of the model for tiles with a baseline, or for tiles alone.

    Attributes:
        network: gives evidence from features.
        weights: of the segmentation.
        calibration: of the intervals.
        share: share of the joined network in the evidence of a train. The rest is that of `network`.
        gap_share: the same for the evidence of a gap between cars.
    """

    network: Network
    weights: Weights
    calibration: Calibration
    share: float = 0.0
    gap_share: float = 0.0


@dataclass(frozen=True)
class Models:
    """The model files: for pairs, for single images, and for finding the axis of a track.

    Attributes:
        pair: for a tile with its baseline.
        single: for a tile alone.
        axis: finds the axis of a track.
        version: of the files.
        joined: sees pixels and features; None for features alone.
    """

    pair: Model
    single: Model
    axis: Session
    version: str
    joined: Joined | None = None


@lru_cache(maxsize=4)
def load_models(path: Path = MODEL_FILE, joined: Path | None = JOINED_FILE) -> Models:
    """Reads the model files. Without the file of the joined network, the evidence comes from features alone."""
    with np.load(path) as arrays:
        made = json.loads(str(arrays["made"]))
        pair, single = (
            Model(
                load_network(arrays, f"{name}."),
                Weights(**made[name]["weights"]),
                Calibration(**made[name]["calibration"]),
            )
            for name in ("pair", "single")
        )
    axis = load_axes()
    models = Models(pair, single, axis, f"{made['version']}-{axis.version}")
    return models if joined is None else with_joined(models, load_joined(joined))


def with_joined(models: Models, joined: Joined) -> Models:
    """Models with a joined network, and the weights and calibrations that were fitted to both networks together."""
    pair, single = (
        Model(
            model.network,
            Weights(**joined.made[name]["weights"]),
            Calibration(**joined.made[name]["calibration"]),
            float(joined.made[name]["share"]),
            float(joined.made[name]["gap_share"]),
        )
        for name, model in (("pair", models.pair), ("single", models.single))
    )
    return Models(pair, single, models.axis, f"{models.version}-{joined.version}", joined)


def seen_samples(mask: Mask, strip_seen: Mask, layout: Layout) -> Mask:
    """(n,), whether each sample of track can be seen: inside the picture, and not under cloud.

    Args:
        mask: (rows, cols), what can be seen.
        strip_seen: (n, w), where the strips have data.
        layout: the tracks.
    """
    centre = strip_seen.shape[1] // 2
    reach = round(BODY_HALF_WIDTH_M / STEP_M)
    data = strip_seen[:, centre - reach : centre + reach + 1].mean(axis=1) >= SEEN_SHARE
    x, y = np.round(np.nan_to_num(layout.xy_px)).astype(np.int64).T
    rows, cols = mask.shape
    return np.asarray(data & layout.on_track & mask[np.clip(y, 0, rows - 1), np.clip(x, 0, cols - 1)])


def weigh(network: Network, features: Floats, *, with_baseline: bool) -> Floats:
    """Logits (n, 3) of empty track, body and gap: the mean over both directions in which a track can be run."""
    parts = structure(with_baseline=with_baseline)
    turned = (features[:, parts.order] * (parts.across * parts.along))[::-1]
    return np.asarray(0.5 * (network(features) + network(turned)[::-1]))


def by_track(logits: Floats, seen: Mask, counts: Mask, layout: Layout, disagreement: Floats | None = None) -> Evidence:
    """The evidence of each track on a row of its own, with `PAD` unseen samples before and after it.

    Args:
        logits: (n, 3).
        seen: (n,), what can be seen.
        counts: (n,), where a car counts whose middle lies there.
        layout: the tracks.
        disagreement: (n,), of the two networks; none if not given.
    """
    longest = int(layout.lengths.max()) + 2 * PAD
    at = layout.starts[:, None] - PAD + np.arange(longest)
    on = (np.arange(longest) >= PAD) & (np.arange(longest) < layout.lengths[:, None] + PAD)
    at = np.where(on, at, 0)
    train = np.logaddexp(logits[:, BODY], logits[:, GAP]) - logits[:, EMPTY]
    known = seen[at] & on
    return Evidence(
        np.where(known, train[at], 0.0),
        np.where(known, (logits[:, GAP] - logits[:, BODY])[at], 0.0),
        known,
        counts[at] & on,
        None if disagreement is None else np.where(known, disagreement[at], 0.0),
    )


def darkest(tile: Raster) -> float:
    """Luminance of the deepest shade, from every fourth pixel."""
    light = luminance(tile.pixels[:, ::4, ::4])[tile.valid[::4, ::4]]
    return float(quantile(light, 0.01)) if light.size else 0.0
