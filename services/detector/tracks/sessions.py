"""Networks in ONNX files, run by onnxruntime on one thread: the same file and inputs give the same outputs."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime

from railwatch.services.detector.imagery.arrays import Floats


@dataclass(frozen=True)
class Session:
    """A network that is ready to run.

    Attributes:
        runtime: onnxruntime's.
        texts: what was written into the file beside the weights.
        version: of the file, the start of its SHA-256.
    """

    runtime: onnxruntime.InferenceSession
    texts: dict[str, str]
    version: str

    def __call__(self, **inputs: Floats) -> Floats:
        """The network's one output."""
        ready = {name: np.ascontiguousarray(values) for name, values in inputs.items()}
        return np.asarray(self.runtime.run(None, ready)[0])


@lru_cache(maxsize=8)
def load_session(path: Path) -> Session:
    """Reads a network's file."""
    content = path.read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    runtime = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    texts: dict[str, str] = runtime.get_modelmeta().custom_metadata_map
    return Session(runtime, texts, hashlib.sha256(content).hexdigest()[:8])
