"""Examples for the weights of the segmentation: scenes of several styles that neither network has learned from."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.evidence import Models, by_track
from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.lengths import SHORTEST
from railwatch.services.detector.cars.looking import Looked, weighed
from railwatch.services.detector.cars.wide import ROWS
from railwatch.services.detector.tracks.strips import PAD
from railwatch.training.gathering import WideScene
from railwatch.training.variants import BODY, Prepared, variant
from railwatch.training.weights import Example


def unseen_variants(scenes: Iterable[WideScene], seed: int, *, single: bool) -> list[Prepared]:
    """Each scene as it is, processed, and with painted cars: three styles of equal weight."""
    styles = ((False, False), (False, True), (True, True))
    return [
        variant(scene, np.random.default_rng((seed, number, style)), paint=paint, process=process, single=single)
        for number, scene in enumerate(scenes)
        for style, (paint, process) in enumerate(styles)
    ]


def evidence_of(prepared: Prepared, models: Models) -> Example:
    """The evidence that the models see in a variant, with its cars."""
    features = prepared.features.astype(np.float32)
    paired = features.shape[1] == len(structure(with_baseline=True).order)
    planes = prepared.planes
    looked = Looked(
        lambda part: planes[:, ROWS * part.start : ROWS * part.stop].astype(np.float32), features, prepared.seen, paired
    )
    weighted = weighed(models, looked)
    layout = prepared.layout
    along = by_track(weighted.logits, prepared.seen, layout.on_track, layout, weighted.disagreement)
    cars = [
        bodies(prepared.labels[layout.track(number)], prepared.seen[layout.track(number)])
        for number in range(len(layout.starts))
    ]
    return Example(along, cars)


def bodies(labels: NDArray[np.int8], seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """One track's cars that can be counted, in padded samples: first, and one past the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], labels == BODY, [False]]).astype(np.int8)))
    runs = [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]
    whole = [(first, stop) for first, stop in runs if stop - first >= SHORTEST - 2 and seen[first:stop].mean() > 0.5]
    return [(first + PAD, stop + PAD) for first, stop in whole]


def seen_by(models: Models, scenes: list[WideScene], seed: int) -> tuple[list[Example], list[Example]]:
    """The evidence in scenes that no network has learned from, of three styles each: pairs, and single pictures."""
    pairs, singles = (
        [evidence_of(part, models) for part in unseen_variants(scenes, seed, single=single)] for single in (False, True)
    )
    return pairs, singles
