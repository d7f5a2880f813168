"""The fits, which need PyTorch: `make test-train`."""

import numpy as np
import pytest
import torch

from railwatch.services.detector.cars.features import Structure
from railwatch.training import fit
from railwatch.training.fit import Sample, fit_network

PLAIN = Structure(np.arange(3), np.ones(3, np.float32), np.ones(3, np.float32))


def test_a_fitted_network_gives_the_same_in_numpy_as_in_torch() -> None:
    network = fit.Along(3, 4, torch.Generator().manual_seed(0))
    features = np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32)

    run = fit.as_run(network, np.zeros(3, np.float32), np.ones(3, np.float32))(features)

    with torch.no_grad():
        assert run == pytest.approx(network(torch.from_numpy(features.T[None].copy()))[0].T.numpy(), abs=1e-4)


def test_a_network_learns_a_clear_difference_and_the_same_seed_gives_the_same_network() -> None:
    rng = np.random.default_rng(1)
    features = rng.standard_normal((4000, 3)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int8)
    sample = Sample(features, labels)

    one, other = (fit_network([sample], PLAIN, seed=3, steps=400, channels=4, rate=2e-2) for _ in range(2))

    assert (one(features).argmax(axis=1) == labels).mean() > 0.85
    assert (one(features) == other(features)).all()
