"""The joined network and the network for axes, as they are fitted and as they run: `make test-train`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from railwatch.services.detector.cars.features import structure
from railwatch.services.detector.cars.joined import JOINED_FILE, load_joined
from railwatch.services.detector.cars.wide import CHANNELS, WIDTH
from railwatch.services.detector.tracks.across import ACROSS_M, PLANES
from railwatch.services.detector.tracks.axes import OFFSETS_M, SEEN
from railwatch.services.detector.tracks.sessions import load_session
from railwatch.training.axis import export_axes
from railwatch.training.axis_network import WIDTHS, Axes
from railwatch.training.joined_import import start_from
from railwatch.training.joined_network import AsRun, Joined


def test_a_network_that_goes_on_from_the_shipped_file_begins_with_its_answers() -> None:
    rng = np.random.default_rng(0)
    features = len(structure(with_baseline=True).order)
    planes = rng.standard_normal((CHANNELS, 128, WIDTH), dtype=np.float32)
    known = rng.standard_normal((64, features + 1), dtype=np.float32)
    network = Joined(CHANNELS, features, WIDTH)

    start_from(network, JOINED_FILE)

    with torch.no_grad():
        begun = AsRun(network.eval())(torch.from_numpy(planes), torch.from_numpy(known)).numpy()
    assert begun == pytest.approx(load_joined().session(planes=planes, features=known), abs=1e-4)


def test_the_networks_for_axes_run_as_they_were_fitted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = [Axes(PLANES, channels) for channels in WIDTHS]
    planes = np.random.default_rng(0).standard_normal((PLANES, 96, len(ACROSS_M)), dtype=np.float32)
    for network in networks:
        network(torch.from_numpy(planes)[None])

    export_axes(networks, tmp_path / "axes.onnx")

    with torch.no_grad():
        fitted = np.mean([network.eval()(torch.from_numpy(planes)[None])[0].numpy() for network in networks], axis=0)
    answered = load_session(tmp_path / "axes.onnx")(planes=planes[..., SEEN])
    margin = (len(ACROSS_M) - len(OFFSETS_M)) // 2
    assert answered == pytest.approx(fitted[:, margin:-margin], abs=1e-4)
