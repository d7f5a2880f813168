"""Each metric is explained, and each service serves its own and no other's."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from railwatch.services.metrics import ALL
from railwatch.shared.health import Progress, health_router
from railwatch.shared.metrics import Declaration, reference
from railwatch.shared.process import SERVICES, Service

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference(ALL), "run: python -m railwatch.services.metrics > docs/metrics.md"


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_is_named_and_explained(metric: Declaration) -> None:
    assert re.fullmatch(r"railwatch_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.help.endswith(".")
    assert all(metric.labels.values()), "every label says which values it takes"
    assert metric.services


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_serves_its_own_metrics_and_those_of_its_process_only(service: Service) -> None:
    app = FastAPI()
    app.include_router(health_router(service, Progress(), {}))
    served = set(re.findall(r"^# TYPE (\w+)", TestClient(app).get("/metrics").text, re.MULTILINE))

    ours = {name for name in served if name.startswith("railwatch_") and not name.endswith("_created")}
    assert ours == {metric.name for metric in ALL if service in metric.services}
    assert {"process_cpu_seconds_total", "python_info"} <= served
