"""Windows to learn from: variants of scenes are made on the way, each drawn from a few times and then replaced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.wide import ROWS
from railwatch.training.gathering import WideScene
from railwatch.training.variants import Prepared, variant

Floats = NDArray[np.float32]

WINDOW = 192
# Each window's worth of a variant is drawn so often before the variant is replaced; so many variants are held.
DRAWS = 24.0
HELD = 64
PAINTED, PROCESSED, ALONE = 0.72, 0.65, 0.5
# Long yards are not drawn more often than ones of so many samples.
MOST_SAMPLES = 6000


@dataclass(frozen=True)
class Window:
    """Planes (channels, 2 w, columns), features (w, f), labels, kinds (w,), bodies (w, patches); whether a pair."""

    planes: NDArray[np.float16]
    features: Floats
    labels: NDArray[np.int8]
    kinds: NDArray[np.int8]
    bodies: Floats
    paired: bool


@dataclass
class Pool:
    """Variants that windows are drawn from."""

    scenes: Sequence[Callable[[], tuple[WideScene, ...]]]
    rng: np.random.Generator
    variants: list[Prepared] = field(default_factory=list)
    made: float = 0.0
    drawn: float = 0.0

    def refill(self) -> None:
        """Makes variants until there are as many windows as were drawn, and replaces the oldest."""
        while len(self.variants) < 8 or self.made * DRAWS < self.drawn:
            rng = self.rng
            scenes = self.scenes[int(rng.integers(len(self.scenes)))]()
            if not scenes:
                continue
            scene = scenes[int(rng.integers(len(scenes)))]
            made = variant(
                scene,
                rng,
                paint=bool(rng.random() < PAINTED),
                process=bool(rng.random() < PROCESSED),
                single=bool(rng.random() < ALONE),
            )
            if len(made.labels) <= WINDOW:
                continue
            self.variants.append(made)
            self.made += len(made.labels) / WINDOW
            if len(self.variants) > HELD:
                self.variants.pop(0)

    def fill(self) -> None:
        """Makes as many variants as are held, before anything is drawn."""
        self.drawn, self.made = DRAWS * HELD * 4.0, 0.0
        self.refill()
        self.drawn, self.made = 0.0, 0.0

    def window(self) -> Window:
        """One window, mirrored at random."""
        rng = self.rng
        size = np.array([min(len(part.labels), MOST_SAMPLES) for part in self.variants], float)
        part = self.variants[int(rng.choice(len(size), p=size / size.sum()))]
        start = int(rng.integers(len(part.labels) - WINDOW))
        samples, rows = slice(start, start + WINDOW), slice(start * ROWS, (start + WINDOW) * ROWS)
        planes, bodies = part.planes[:, rows], part.bodies[samples]
        labels, kinds = part.labels[samples], part.kinds[samples]
        width = len(structure(with_baseline=True).order)
        paired = part.features.shape[1] == width
        turn = structure(with_baseline=paired)
        features = part.features[samples].astype(np.float32)
        if rng.random() < 0.5:
            planes, bodies, features = planes[:, :, ::-1], bodies[:, ::-1], features[:, turn.order] * turn.across
        if rng.random() < 0.5:
            planes, bodies, labels, kinds = planes[:, ::-1], bodies[::-1], labels[::-1], kinds[::-1]
            features = features[::-1] * turn.along
        self.drawn += 1
        return Window(planes, features, labels, kinds, bodies.astype(np.float32), paired)
