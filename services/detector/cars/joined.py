"""The joined network at run time: wide strips and features in, evidence out, by onnxruntime on one thread.

Its file also holds, as text, the weights of the segmentation and the calibration that were fitted with it
(`railwatch.training.joined`). The same file and the same strips give the same evidence.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.imagery.arrays import Floats

JOINED_FILE = Path(__file__).with_name("model") / "joined.onnx"
# Samples that are processed at a time, so that they fit into the processor's cache.
BLOCK = 1024
# How many samples to either side of one the network sees.
REACH = 72
# Key of the text in the file.
MADE = "made"


@dataclass(frozen=True)
class Joined:
    """A network that is ready to run.

    Attributes:
        session: of onnxruntime.
        made: how it was made, and the weights and calibration of `pair` and `single`.
        version: of its file.
    """

    session: onnxruntime.InferenceSession
    made: dict[str, Any]
    version: str

    def __call__(self, planes: Callable[[slice], Floats], features: Floats, *, with_baseline: bool) -> Floats:
        """Logits (n, 3) of empty track, body and gap: the mean over both directions in which a track can be run.

        Args:
            planes: gives (channels, 2 k, w) of k samples, as `Channels.of` does.
            features: (n, f), see `railwatch.services.detector.cars.features.features_of`.
            with_baseline: whether there is one.
        """
        turn = structure(with_baseline=with_baseline)
        turned = _padded(features[:, turn.order] * (turn.across * turn.along), with_baseline=with_baseline)
        known = _padded(features, with_baseline=with_baseline)
        logits = np.empty((len(features), 3), np.float32)
        for first in range(0, len(features), BLOCK):
            part = slice(max(first - REACH, 0), min(first + BLOCK + REACH, len(features)))
            seen = planes(part)
            there = self._run(seen, known[part])
            back = self._run(seen[:, ::-1, ::-1], turned[part][::-1])[::-1]
            logits[first : first + BLOCK] = (0.5 * (there + back))[first - part.start :][:BLOCK]
        return logits

    def _run(self, planes: Floats, features: Floats) -> Floats:
        inputs = {"planes": np.ascontiguousarray(planes), "features": np.ascontiguousarray(features)}
        return np.asarray(self.session.run(None, inputs)[0])


@lru_cache(maxsize=4)
def load_joined(path: Path = JOINED_FILE) -> Joined:
    """Reads a model file."""
    content = path.read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    made = json.loads(session.get_modelmeta().custom_metadata_map[MADE])
    return Joined(session, made, hashlib.sha256(content).hexdigest()[:8])


def _padded(features: Floats, *, with_baseline: bool) -> Floats:
    """(n, f + 1): 0 for features that need a baseline where there is none; the last says whether there is one."""
    out = np.zeros((len(features), len(structure(with_baseline=True).order) + 1), np.float32)
    out[:, : features.shape[1]] = features
    out[:, -1] = with_baseline
    return out
