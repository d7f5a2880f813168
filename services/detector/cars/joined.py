"""The joined network at run time: wide strips and features in, evidence out, by onnxruntime on one thread.

Its file also holds, as text, the weights of the segmentation and the calibration that were fitted with it
(`railwatch.training.joined`). The same file and the same strips give the same evidence.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.imagery.arrays import Floats
from railwatch.services.detector.tracks.sessions import Session, load_session
from railwatch.shared.counts import CarKind

JOINED_FILE = Path(__file__).with_name("model") / "joined.onnx"
# Samples that are processed at a time, so that they fit into the processor's cache.
BLOCK = 2048
# How many samples to either side of one the network sees.
REACH = 72
# Key of the text in the file.
MADE = "made"


@dataclass(frozen=True)
class Joined:
    """A network that is ready to run.

    Attributes:
        session: runs it.
        made: how it was made, and the weights and calibration of `pair` and `single`.
    """

    session: Session
    made: dict[str, Any]

    @property
    def version(self) -> str:
        """Of its file."""
        return self.session.version

    def __call__(self, planes: Callable[[slice], Floats], features: Floats, *, with_baseline: bool) -> Floats:
        """Logits (n, 3 + kinds) of empty track, body and gap, and of each kind of car that may stand there.

        They are the mean over both directions in which a track can be run.

        Args:
            planes: gives (channels, 2 k, w) of k samples, as `Channels.of` does.
            features: (n, f), see `railwatch.services.detector.cars.features.features_of`.
            with_baseline: whether there is one.
        """
        turn = structure(with_baseline=with_baseline)
        turned = _padded(features[:, turn.order] * (turn.across * turn.along), with_baseline=with_baseline)
        known = _padded(features, with_baseline=with_baseline)
        logits = np.empty((len(features), 3 + len(CarKind)), np.float32)
        for first in range(0, len(features), BLOCK):
            part = slice(max(first - REACH, 0), min(first + BLOCK + REACH, len(features)))
            seen = planes(part)
            there = self._run(seen, known[part])
            back = self._run(seen[:, ::-1, ::-1], turned[part][::-1])[::-1]
            logits[first : first + BLOCK] = (0.5 * (there + back))[first - part.start :][:BLOCK]
        return logits

    def _run(self, planes: Floats, features: Floats) -> Floats:
        return self.session(planes=planes, features=features)


def load_joined(path: Path = JOINED_FILE) -> Joined:
    """Reads a model file."""
    session = load_session(path)
    return Joined(session, json.loads(session.texts[MADE]))


def _padded(features: Floats, *, with_baseline: bool) -> Floats:
    """(n, f + 1): 0 for features that need a baseline where there is none; the last says whether there is one."""
    out = np.zeros((len(features), len(structure(with_baseline=True).order) + 1), np.float32)
    out[:, : features.shape[1]] = features
    out[:, -1] = with_baseline
    return out
