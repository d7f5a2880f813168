"""What operators and analysts see while all is well: every query of the dashboards, and who gets which alert."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import yaml

from deploy.tests.rendering import DEPLOY
from deploy.tests.running.looks import bury_something, clouded, image_of, newest_look, push, say_right, what_is_known
from deploy.tests.running.stack import UNSEEN, Stack
from railwatch.demo.yard import SITE
from railwatch.shared.events import MissedLookEvent
from tests.support.bus import eventually

pytestmark = pytest.mark.timeout(1800)

DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
# What has no series while nothing has ever gone wrong.
SILENT_WHEN_WELL = (
    "railwatch:dead_letters:increase1h",
    "railwatch_handle_retries_total",
    "railwatch_publish_retries_total",
    "railwatch_commits_refused_total",
    "kube_",
    'severity!="none"',
)


def expressions() -> Iterator[tuple[str, str]]:
    """Where each query of Prometheus stands, and its text."""
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                if "expr" in target:
                    yield f"{path.stem}: {panel['title']}", target["expr"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert", rule.get("record")), rule["expr"]


def test_every_query_of_a_dashboard_returns_data(stack: Stack) -> None:
    bury_something(stack)
    look = newest_look(stack)
    push(stack, clouded(image_of(stack, look)), "clouded", look.observed_at - timedelta(days=1)).raise_for_status()
    (surge,) = what_is_known(stack)[1]
    say_right(stack, f"sites/{SITE}/looks/{look.scene}", f"alerts/{surge['alert']['alert']}")
    for where, expr in expressions():
        filled = expr.replace("$__rate_interval", "1m").replace("$site", SITE).replace("$namespace", ".*")
        if not where.startswith("Railwatch") and not any(name in filled for name in SILENT_WHEN_WELL[1:]):
            eventually(partial(stack.query, filled), f"{where} has data: {filled}")
        else:
            stack.query(filled)


def test_every_path_of_alertings_api_returns_what_the_dashboards_pick(stack: Stack) -> None:
    asked = 0
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        variables = {
            "site": SITE,
            "__from:date:iso": "2023-01-01T00:00:00.000Z",
            "__to:date:iso": "2024-01-01T00:00:00.000Z",
        }
        for variable in board["templating"]["list"]:
            assert "infinityQuery" not in str(variable), "a variable of alerting's API may be empty"
        targets = [t for panel in board["panels"] for t in panel.get("targets", ())]
        targets += [annotation["target"] for annotation in board.get("annotations", {}).get("list", ())]
        for target in targets:
            if "url" in target:
                rows = _rows(stack, target, variables)
                for column in target["columns"]:
                    assert any(row[column["text"]] is not None for row in rows), (path.stem, target["url"], column)
                    for row in rows if column["selector"] == "picture_url" else ():
                        public = row[column["text"]].split("/v1/")[1]
                        picture = httpx.get(f"{stack.system.urls['alerting']}/v1/{public}").raise_for_status()
                        assert picture.headers["content-type"].startswith("image/")
                asked += 1
    assert asked >= 8


def test_the_surge_went_from_push_to_alertmanager_and_to_the_desk(stack: Stack) -> None:
    eventually(lambda: stack.posted("RailcarSurge"), "Alertmanager holds the surge")
    (alert,) = [a for a in stack.posted("RailcarSurge") if a["status"]["state"] == "active"]
    assert alert["labels"]["site"] == SITE
    assert alert["generatorURL"].startswith(stack.system.urls["alerting"])
    assert alert["labels"]["severity"] == "critical"
    for receiver in ("analysts-urgent", "analysts"):
        notified = partial(stack.notified, receiver, "RailcarSurge", severity="critical")
        eventually(notified, f"{receiver} gets the alert")
    assert not stack.notified("operators", "RailcarSurge")
    transitions = [event["data"]["transition"] for event in stack.desk.steps]
    assert transitions[0] == "opened"
    assert len({event["id"] for event in stack.desk.steps}) == len(transitions)


def test_a_dead_letter_reaches_the_operators(stack: Stack) -> None:
    bury_something(stack)
    eventually(lambda: "RailwatchDeadLetters" in stack.firing(), "the rule fires")
    eventually(lambda: stack.notified("operators", "RailwatchDeadLetters"), "the operators get the alert")


def test_operators_learn_that_a_site_should_have_been_seen(stack: Stack) -> None:
    eventually(lambda: stack.notified("operators", "SiteNotSeen"), "the operators get the alert")
    assert {alert["labels"]["site"] for alert in stack.posted("SiteNotSeen")} == {UNSEEN}
    assert not stack.notified("analysts", "SiteNotSeen")
    missed = [event["data"] for event in stack.desk.taken["/railwatch"] if event["type"] == MissedLookEvent.TYPE]
    # Where the machine is slow, the other site's first look is missed as well, until it comes.
    assert [event["transition"] for event in missed if event["site"] == UNSEEN] == ["opened"]


def test_nothing_else_was_wrong_until_now(stack: Stack) -> None:
    # The episode's baseline is one that an operator chose, and its looks give a better one.
    assert stack.firing() <= {"RailwatchDeadLetters", "RailwatchBaselineOutdated", "RailwatchWatchdog"}
    eventually(lambda: stack.notified("watchdog", "RailwatchWatchdog"), "whoever waits for a sign of life gets it")


def _rows(stack: Stack, target: dict[str, Any], variables: dict[str, str]) -> list[dict[str, Any]]:
    """The rows that the Infinity data source would make of a query."""
    answer = httpx.get(stack.system.urls["alerting"] + _filled(target["url"], variables), timeout=30)
    assert answer.status_code == 200, (target["url"], answer.text)
    items = _at(answer.json(), target["root_selector"])
    items = items if isinstance(items, list) else [items]
    assert items, target["url"]
    return [{column["text"]: _at(item, column["selector"]) for column in target["columns"]} for item in items]


def _filled(text: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text, text
    return text


def _at(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        value = value.get(part) if isinstance(value, dict) else None
    return value
