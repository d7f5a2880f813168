"""The fit of the network for coarse pixels, which needs PyTorch: `make test-train`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from railwatch.services.detector.coarse.planes import PLANES, View
from railwatch.services.detector.coarse.strips import ACROSS_M
from railwatch.services.detector.tracks.sessions import load_session
from railwatch.services.detector.tracks.strips import Layout
from railwatch.training.coarse.network import Trains
from railwatch.training.coarse.network_fit import WINDOW, export_network, fit_network, window
from railwatch.training.coarse.samples import Sample


def sample(length: int) -> Sample:
    """A track with a bright train on its first half."""
    rng = np.random.default_rng(0)
    under = (np.arange(length) < length // 2).astype(np.int8)
    tile, baseline = (rng.normal(0, 0.01, (length, len(ACROSS_M))).astype(np.float32) for _ in range(2))
    tile[under == 1, 5:8] += 0.3
    nothing, seen = np.zeros_like(tile), np.ones(tile.shape, dtype=bool)
    view = View(tile, baseline, tile - baseline, nothing, nothing, seen, np.zeros(length), 0.1, 0.02, 3.0)
    nowhere = np.full((length, 2), np.nan)
    layout = Layout(np.array([0]), np.array([length]), nowhere, nowhere, 2.0)
    return Sample(view, under, np.ones(length, dtype=bool), np.ones(length, dtype=bool), layout)


def test_a_short_track_is_filled_up_without_weight() -> None:
    planes, under, counts = window(sample(50), slice(0, 50), np.random.default_rng(0))
    assert planes.shape == (PLANES, WINDOW, len(ACROSS_M))
    assert len(under) == len(counts) == WINDOW
    assert counts.sum() == 50


def test_the_network_learns_and_its_file_gives_what_it_gives(tmp_path: Path) -> None:
    losses: list[float] = []
    network = fit_network(
        [sample(200)], 100, 3e-3, 0, tmp_path / "checkpoint.pt", lambda _, told: losses.append(told["loss"])
    ).eval()
    assert losses[-1] < np.log(2)

    export_network(network, tmp_path / "trains.onnx")
    planes = sample(200).view.planes()
    with torch.no_grad():
        expected = network(torch.from_numpy(planes[None]))[0].numpy()
    assert load_session(tmp_path / "trains.onnx")(planes=planes) == pytest.approx(expected, abs=1e-4)


def test_a_fit_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    def fitted(*steps: int) -> Trains:
        checkpoint = tmp_path / f"{len(steps)}.pt"
        for number in steps:
            network = fit_network([sample(100)], number, 1e-3, 0, checkpoint, lambda *_: None)
        return network

    assert isinstance(fitted(2, 2), Trains)
    assert (tmp_path / "2.pt").exists()
