"""The catalogue of metrics."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from railwatch.shared.metrics import CATALOGUE, Declaration, reference

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "run: python -m railwatch.shared.metrics > docs/metrics.md"


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_is_named_and_explained(metric: Declaration) -> None:
    assert re.fullmatch(r"railwatch_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.help.endswith(".")
    assert all(metric.labels.values()), "every label says which values it takes"


def test_every_railwatch_metric_is_in_the_catalogue() -> None:
    registered = {family.name for family in REGISTRY.collect() if family.name.startswith("railwatch_")}

    assert registered == {metric.name.removesuffix("_total") for metric in CATALOGUE}
