"""Which alerts fire when something goes wrong in one of two installations, and who is told."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.tests.alertmanager import CONFIGURATION, running_alertmanager, told
from deploy.tests.rendering import DEPLOY
from deploy.tests.scenarios import ALL
from deploy.tests.scenarios.world import NAMESPACES, Alert, Scenario, alert
from railwatch.services.ingest.http.problems import PROBLEMS

RULES = DEPLOY / "prometheus" / "rules.yaml"
FIRING = 'ALERTS{alertstate="firing", alertname!="RailwatchWatchdog"}'
WATCHDOG = alert("RailwatchWatchdog", "none", namespace=None)

each = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)


def alerting_rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_alertmanager(tmp_path_factory.mktemp("alertmanager"), "http://127.0.0.1:9") as url:
        yield url


@each
def test_these_alerts_fire_and_no_others(scenario: Scenario, tmp_path: Path) -> None:
    steps = [
        {"expr": FIRING, "eval_time": step.at, "exp_samples": [_sample(one) for one in _firing(scenario, step)]}
        for step in scenario.steps
    ]
    series = [{"series": series, "values": values} for series, values in scenario.series()]
    _evaluate(tmp_path, steps, series, f"{scenario.step_s}s")


@each
def test_these_are_told_and_their_consequences_are_not(scenario: Scenario, alertmanager: str) -> None:
    for step in scenario.steps:
        assert told(alertmanager, {*step.told, *step.inhibited}) == set(step.told), step.at


def test_the_watchdog_never_ends(tmp_path: Path) -> None:
    always = {"expr": f'ALERTS{{alertname="{WATCHDOG.name}"}}', "eval_time": "10m", "exp_samples": [_sample(WATCHDOG)]}
    _evaluate(tmp_path, [always], [], "1m")


def test_every_rule_fires_in_a_scenario() -> None:
    fired = {(one.name, dict(one.labels)["severity"]) for one in _all_alerts()}
    rules = {(rule["alert"], rule["labels"]["severity"]) for rule in alerting_rules()}
    assert rules - {(WATCHDOG.name, "none")} == {one for one in fired if one[0].startswith("Railwatch")}


def test_every_sentence_names_only_what_its_alert_has() -> None:
    for rule in alerting_rules():
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        for one in _all_alerts():
            if (one.name, dict(one.labels)["severity"]) == (rule["alert"], rule["labels"]["severity"]):
                assert named <= dict(one.labels).keys(), one


def test_every_inhibition_is_in_a_scenario_for_each_of_its_consequences() -> None:
    missing = []
    for rule in yaml.safe_load(CONFIGURATION.read_text())["inhibit_rules"]:
        assert "namespace" in rule["equal"]
        names = _alertnames(rule["target_matchers"])
        seen = {
            target.name
            for scenario in ALL
            for step in scenario.steps
            for target in step.inhibited
            for source in (*step.told, *step.inhibited)
            if _matches(source, rule["source_matchers"]) and _matches(target, rule["target_matchers"])
            if all(dict(source.labels).get(name) == dict(target.labels).get(name) for name in rule["equal"])
        }
        missing += [(rule["source_matchers"], name) for name in names - seen]
    assert missing == []


def test_what_is_the_senders_mistake_is_what_ingest_answers_with_a_status() -> None:
    (rule,) = (rule for rule in alerting_rules() if rule["alert"] == "RailwatchDeadLetters")
    (reasons,) = re.findall(r'reason=~"([^"]+)"', rule["expr"])
    assert reasons.split("|") == list(PROBLEMS)


def test_both_installations_have_the_same_replicas() -> None:
    (healthy,) = (scenario for scenario in ALL if not scenario.changes and not scenario.posted)
    of = {
        namespace: {s.replace(namespace, "") for s, _ in healthy.series() if namespace in s} for namespace in NAMESPACES
    }
    assert of["production"] == of["staging"]
    assert {f"detector-{replica}" for replica in "abc"} <= set(re.findall(r"detector-[abc]", " ".join(of["staging"])))


def _evaluate(directory: Path, expected: list[Any], series: list[Any], interval: str) -> None:
    """promtool finds what is expected when it evaluates the rules on some series.

    Args:
        directory: an empty one for the file that promtool reads.
        expected: queries, their times and results.
        series: of what Prometheus is told.
        interval: time from one sample and evaluation to the next.
    """
    test = {"interval": interval, "input_series": series, "promql_expr_test": expected}
    file = directory / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": interval, "tests": [test]}))
    ended = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _firing(scenario: Scenario, step: Any) -> list[Alert]:
    return [one for one in (*step.told, *step.inhibited) if one not in scenario.posted]


def _all_alerts() -> Iterator[Alert]:
    for scenario in ALL:
        for step in scenario.steps:
            yield from (*step.told, *step.inhibited)


def _sample(one: Alert) -> dict[str, Any]:
    labels = ", ".join(f'{name}="{value}"' for name, value in (*one.labels, ("alertstate", "firing")))
    return {"labels": f"ALERTS{{{labels}}}", "value": 1}


def _parts(matcher: str) -> tuple[str, str, str]:
    name, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
    return name, operator, value


def _matches(one: Alert, matchers: list[str]) -> bool:
    labels = dict(one.labels)
    for name, operator, value in map(_parts, matchers):
        has = labels.get(name, "")
        same = bool(re.fullmatch(value, has)) if "~" in operator else has == value
        if same == operator.startswith("!"):
            return False
    return True


def _alertnames(matchers: list[str]) -> set[str]:
    """The alerts that matchers name, each alternative of a pattern by itself; none if they name no alert alone."""
    for name, _, value in map(_parts, matchers):
        if name == "alertname" and value != "Railwatch.+":
            begin, _, rest = value.partition("(") if "(" in value else ("", "", value)
            return {begin + end for end in rest.removesuffix(")").split("|")}
    return set()
