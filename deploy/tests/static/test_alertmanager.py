"""Who gets which alert, by the routes alone. `test_rules.py` tests which alert inhibits which."""

import subprocess

import pytest

from deploy.tests.alertmanager import CONFIGURATION


@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("analysts-urgent,analysts", {"alertname": "RailcarSurge", "site": "tumangang", "severity": "critical"}),
        ("analysts", {"alertname": "RailcarSurge", "site": "tumangang", "severity": "warning"}),
        ("operators", {"alertname": "RailwatchRegistrationFailing", "site": "tumangang", "severity": "warning"}),
        ("operators", {"alertname": "RailwatchDeadLetters", "job": "railwatch-ingest", "severity": "warning"}),
        (
            "operators-urgent",
            {"alertname": "RailwatchServiceAway", "job": "railwatch-detector", "severity": "critical"},
        ),
        ("operators-urgent", {"alertname": "RailwatchLagging", "group": "railwatch-detector", "severity": "critical"}),
        ("operators", {"alertname": "SiteNotSeen", "site": "tumangang", "severity": "warning"}),
        ("operators", {"alertname": "SiteNotSeen", "namespace": "staging", "site": "tumangang", "severity": "warning"}),
        ("operators", {"alertname": "SomethingElse"}),
        ("watchdog", {"alertname": "RailwatchWatchdog", "severity": "none"}),
    ],
)
def test_an_alert_goes_to(receiver: str, labels: dict[str, str]) -> None:
    command = ["amtool", "config", "routes", "test", f"--config.file={CONFIGURATION}", f"--verify.receivers={receiver}"]
    answer = subprocess.run([*command, *(f"{k}={v}" for k, v in labels.items())], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_configuration_is_sound() -> None:
    subprocess.run(["amtool", "check-config", str(CONFIGURATION)], check=True, capture_output=True)
