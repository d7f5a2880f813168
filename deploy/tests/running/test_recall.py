"""RailwatchRecallFalling looks back five weeks: they are written into Prometheus, and the present is served to it."""

import subprocess
import time
from pathlib import Path

from fastapi import FastAPI

from deploy.tests.alertmanager import running_alertmanager
from deploy.tests.running.desk import running_desk
from deploy.tests.running.stack import running_prometheus
from railwatch.embedded import free_port
from railwatch.services.detector import metrics
from railwatch.shared.health import Progress, health_router
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.bus import eventually

HOUR_S = 3600
WEEK_H = 7 * 24
INJECTED = "railwatch:recall_cars_injected:sum"
RECOVERED = "railwatch:recall_cars_recovered:sum"


def test_a_detector_that_finds_fewer_painted_cars_than_before_raises_an_alert(tmp_path: Path) -> None:
    detector = FastAPI()
    detector.include_router(health_router("detector", Progress(), {}))
    with serve(detector, HttpSettings(port=0)) as url, running_desk() as desk:
        injected, recovered = _write_weeks(tmp_path, url.removeprefix("http://"))
        metrics.RECALL_CARS_INJECTED.labels("tumangang").inc(injected)
        metrics.RECALL_CARS_RECOVERED.labels("tumangang").inc(recovered)
        nobody = f"http://127.0.0.1:{free_port()}"
        urls = {"ingest": nobody, "detector": url, "alerting": nobody}
        with running_alertmanager(tmp_path, desk.url) as alertmanager, running_prometheus(tmp_path, urls, alertmanager):
            name = "RailwatchRecallFalling"
            eventually(
                lambda: name in {alert["labels"]["alertname"] for alert in desk.alerts("operators")},
                "the operators get the alert",
            )
        (alert, *_) = [alert for alert in desk.alerts("operators") if alert["labels"]["alertname"] == name]
        assert alert["annotations"]["summary"] == "Only 60% of painted cars are found."


def _write_weeks(directory: Path, instance: str) -> tuple[float, float]:
    """Five weeks of what the rules have recorded, three cars an hour: nine of ten were found, but six in the last week.

    Returns:
        What the counters have come to.
    """
    now = int(time.time())
    totals = {INJECTED: 0.0, RECOVERED: 0.0}
    lines: dict[str, list[str]] = {name: [f"# TYPE {name} gauge"] for name in totals}
    for hour in range(5 * WEEK_H):
        totals[INJECTED] += 3.0
        totals[RECOVERED] += 2.7 if hour < 4 * WEEK_H else 1.8
        at = now - (5 * WEEK_H - hour) * HOUR_S
        for name, total in totals.items():
            lines[name].append(f'{name}{{job="railwatch-detector",instance="{instance}"}} {total:g} {at}')
    text = directory / "weeks.txt"
    text.write_text("\n".join([*lines[INJECTED], *lines[RECOVERED], "# EOF", ""]))
    command = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(text),
        str(directory / "prometheus"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return totals[INJECTED], totals[RECOVERED]
