"""What both networks are given, from one resampling of the pictures along the tracks, and what they answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from railwatch.services.detector.cars.evidence import BODY, CLASSES, EMPTY, GAP, Models, darkest, seen_samples, weigh
from railwatch.services.detector.cars.features import features_of
from railwatch.services.detector.cars.wide import channels_of, narrowed, pair_of, straighten_wide
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.tracks.strips import Layout
from railwatch.shared.counts import Sun

# Log-odds of either network are clipped to these.
CLIPPED = (-6.0, 6.0)


@dataclass(frozen=True)
class Looked:
    """What the networks are given.

    Attributes:
        planes: gives the channels of some samples, see `railwatch.services.detector.cars.wide`.
        features: (n, f), see `railwatch.services.detector.cars.features`.
        seen: (n,), which samples can be seen.
        with_baseline: whether there is a baseline.
    """

    planes: Callable[[slice], Floats]
    features: Floats
    seen: Mask
    with_baseline: bool


@dataclass(frozen=True)
class Weighed:
    """The evidence of both networks together.

    Attributes:
        logits: (n, 3), the mean of the two networks.
        disagreement: (n,), difference of the two in the probability of a train, 0 to 1.
        kinds: (n, kinds), logits of what kind of car stands there, if one does; None without the joined network.
    """

    logits: Floats
    disagreement: Floats
    kinds: Floats | None = None

    def mean_with(self, other: "Weighed") -> "Weighed":
        """The mean of this evidence and other; what the networks disagree on in either is in doubt."""
        return Weighed(
            0.5 * (self.logits + other.logits), np.maximum(self.disagreement, other.disagreement), self.kinds
        )

    def with_part(self, other: "Weighed", part: Mask) -> "Weighed":
        """This evidence, with that of `other` on a part (n,) of the samples."""
        kinds = None
        if self.kinds is not None and other.kinds is not None:
            kinds = np.where(part[:, None], other.kinds, self.kinds)
        return Weighed(
            np.where(part[:, None], other.logits, self.logits),
            np.where(part, other.disagreement, self.disagreement),
            kinds,
        )


def look(tile: Raster, baseline: Raster | None, seen: Mask, layout: Layout, sun: Sun | None) -> Looked:
    """Samples the pictures along the tracks.

    Args:
        tile: the tile.
        baseline: the baseline, registered and in the tile's radiometry, or None.
        seen: (rows, cols), what can be seen of the tile.
        layout: the tracks.
        sun: its position, if known.
    """
    # Cloud is left out. It must not set the scale, the ballast or the levels of the ground in sight.
    tile = replace(tile, valid=tile.valid & seen)
    pictures = [tile] if baseline is None else [tile, baseline]
    sampled = list(zip(*straighten_wide(pictures, layout), map(darkest, pictures), strict=True))
    # Handed over: each is let go as soon as a strip was made of it. A kilometre of track takes 2.4 MB.
    pair = pair_of(sampled.pop(0), sampled.pop() if sampled else None)
    shadow = shadow_px(sun, tile) if sun else None
    shadow_m = None if shadow is None else shadow * tile.gsd_m
    now, then, level = (None if part is None else narrowed(part) for part in (pair.tile, pair.baseline, pair.levelled))
    if now is None:
        raise ValueError("there is always a tile")
    features = features_of(now, then, level, layout, shadow_m)
    return Looked(channels_of(pair, layout).of, features, seen_samples(seen, now.seen, layout), baseline is not None)


def weighed(models: Models, looked: Looked) -> Weighed:
    """The evidence of both networks: the mean of their log-odds, and how far they disagree.

    The log-odds of either network are clipped, so that one that is wrong and very sure does not outvote the other.
    """
    known = looked.with_baseline
    model = models.pair if known else models.single
    logits = [weigh(model.network, looked.features, with_baseline=known)]
    if models.joined is None:
        return Weighed(logits[0], np.zeros(len(looked.features), np.float32))
    both = models.joined(looked.planes, looked.features, with_baseline=known)
    logits.append(both[:, :CLASSES])
    trains, gaps = ([odds(each) for each in logits] for odds in (_train, _gap))
    chances = [1 / (1 + np.exp(-odds)) for odds in trains]
    train, gap = (
        np.asarray((1 - share) * np.clip(of_features, *CLIPPED) + share * np.clip(of_joined, *CLIPPED))
        for share, (of_features, of_joined) in ((model.share, trains), (model.gap_share, gaps))
    )
    body = train - np.logaddexp(0, gap)
    logits_of_both = np.stack([np.zeros_like(train), body, body + gap], axis=1)
    return Weighed(logits_of_both, np.abs(chances[0] - chances[1]), both[:, CLASSES:])


def _train(logits: Floats) -> Floats:
    """Log-odds of a train against empty track."""
    return np.asarray(np.clip(np.logaddexp(logits[:, BODY], logits[:, GAP]) - logits[:, EMPTY], -30, 30))


def _gap(logits: Floats) -> Floats:
    """Log-odds of a gap against a body."""
    return np.asarray(logits[:, GAP] - logits[:, BODY])
