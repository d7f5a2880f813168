"""Rules, routes and dashboards on the running system. The tests come in the order in which things go wrong."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import redis
import yaml

from deploy.tests.rendering import DEPLOY
from deploy.tests.running.stack import RAILWATCH, UNSEEN, Stack, is_ready
from railwatch.demo.replay import alerts, observations
from railwatch.demo.yard import SITE
from tests.support.bus import eventually

pytestmark = pytest.mark.timeout(900)

DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
SILENT_WHEN_WELL = (
    "railwatch:dead_letters:increase1h",
    "railwatch_handle_retries_total",
    "railwatch_publish_retries_total",
    "railwatch_commits_refused_total",
)
"""What has no series while nothing has ever gone wrong."""


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
    _bury_something(stack)
    for where, expr in expressions():
        filled = expr.replace("$__rate_interval", "1m").replace("$site", SITE)
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
            query = variable.get("query")
            if isinstance(query, dict) and "infinityQuery" in query:
                (row, *_) = _rows(stack, query["infinityQuery"], variables)
                variables[variable["name"]] = row[variable["name"]]
        targets = [t for panel in board["panels"] for t in panel.get("targets", ())]
        targets += [annotation["target"] for annotation in board.get("annotations", {}).get("list", ())]
        for target in targets:
            if "url" in target:
                rows = _rows(stack, target, variables)
                for column in target["columns"]:
                    assert any(row[column["text"]] is not None for row in rows), (path.stem, target["url"], column)
                asked += 1
        for panel in board["panels"]:
            if panel["type"] == "text":
                picture = panel["options"]["content"].split('src="')[1].split('"')[0]
                picture = picture.replace("${address}", stack.system.urls["alerting"])
                answer = httpx.get(_filled(picture, variables))
                assert answer.status_code == 200, answer.text
                assert answer.headers["content-type"].startswith("image/")
    assert asked >= 8


def test_the_surge_went_from_push_to_alertmanager_and_to_the_desk(stack: Stack) -> None:
    eventually(lambda: stack.posted("RailcarSurge"), "Alertmanager holds the surge")
    (alert,) = [a for a in stack.posted("RailcarSurge") if a["status"]["state"] == "active"]
    assert alert["labels"]["site"] == SITE
    assert alert["generatorURL"].startswith(stack.system.urls["alerting"])
    urgency = {"critical": "analysts-urgent", "warning": "analysts"}[alert["labels"]["severity"]]
    eventually(lambda: stack.notified(urgency, "RailcarSurge"), "the analysts are told")
    assert not stack.notified("operators", "RailcarSurge")
    transitions = [event["data"]["transition"] for event in stack.desk.taken["/railwatch"]]
    assert transitions[0] == "opened"
    assert len({event["id"] for event in stack.desk.taken["/railwatch"]}) == len(transitions)


def test_a_dead_letter_reaches_the_operators(stack: Stack) -> None:
    _bury_something(stack)
    eventually(lambda: "RailwatchDeadLetters" in stack.firing(), "the rule fires")
    eventually(lambda: stack.notified("operators", "RailwatchDeadLetters"), "the operators are told")


def test_a_site_that_should_have_been_seen_is_told_to_the_operators(stack: Stack) -> None:
    eventually(lambda: stack.notified("operators", "SiteNotSeen"), "the operators are told")
    assert {alert["labels"]["site"] for alert in stack.posted("SiteNotSeen")} == {UNSEEN}
    assert not stack.notified("analysts", "SiteNotSeen")


def test_nothing_else_was_wrong_until_now(stack: Stack) -> None:
    assert stack.firing() <= {"RailwatchDeadLetters"}


def test_a_dead_detector_is_told_and_silences_its_consequences(stack: Stack) -> None:
    environment = stack.environment("detector")
    stack.system.processes["detector"].kill()
    stack.system.processes["detector"].wait()
    eventually(lambda: stack.notified("operators-urgent", "RailwatchServiceAway"), "the operators are told")
    _post(stack, alertname="RailwatchLagging", group="railwatch-detector", severity="warning")
    eventually(lambda: _inhibited(stack, "RailwatchLagging"), "its lag is silenced")
    assert not stack.notified("operators", "RailwatchLagging")
    assert not _inhibited(stack, "RailcarSurge")
    stack.start("detector", environment)


def test_redis_is_lost_and_made_anew_from_the_topics(stack: Stack) -> None:
    before = _what_is_known(stack)
    told = len(stack.desk.taken["/railwatch"])
    stopped = {service: stack.stop(service) for service in ("detector", "alerting")}
    with redis.Redis.from_url(stopped["alerting"]["RAILWATCH_REDIS_URL"]) as client:
        client.flushall()
    for service, environment in stopped.items():
        subprocess.run([*RAILWATCH, "rebuild", service], env=environment, check=True, capture_output=True)
    for service, environment in stopped.items():
        stack.start(service, environment)
    assert _what_is_known(stack) == before
    # Whoever was told is told again by nobody; the next look is judged as if nothing had happened.
    assert len(stack.desk.taken["/railwatch"]) == told


def test_a_token_is_changed_while_both_hold(stack: Stack) -> None:
    environment = stack.stop("ingest")
    old, new = stack.system.token, "the-new-token-of-ingest"
    stack.start("ingest", {**environment, "RAILWATCH_INGEST_TOKENS": f"{old},{new}"})
    assert [_push(stack, token).status_code for token in (old, new, "a-token-of-nobody-at-all")] == [422, 422, 401]
    stack.stop("ingest")
    stack.start("ingest", {**environment, "RAILWATCH_INGEST_TOKENS": new})
    assert [_push(stack, token).status_code for token in (old, new)] == [401, 422]
    stack.system.token = new


def test_redis_away_is_told_and_every_service_recovers_by_itself(stack: Stack) -> None:
    stack.redis.terminate()
    stack.redis.wait()
    eventually(lambda: stack.notified("operators-urgent", "RailwatchDependencyAway"), "the operators are told")
    assert httpx.get(f"{stack.system.urls['alerting']}/readyz", timeout=30).json()["missing"] == ["redis"]
    assert httpx.get(f"{stack.system.urls['alerting']}/healthz", timeout=30).status_code == 200
    back = subprocess.Popen(stack.redis.args)
    try:
        for service, url in stack.system.urls.items():
            eventually(partial(is_ready, url), f"{service} has recovered by itself")
        assert [process.poll() for process in stack.system.processes.values()] == [None] * 3, "none was restarted"
    finally:
        back.terminate()
        back.wait()


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


def _bury_something(stack: Stack) -> None:
    """Push what no scene is, so that there is a dead letter."""
    answer = _push(stack, stack.system.token)
    assert answer.status_code == 422, answer.text


def _push(stack: Stack, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    metadata = json.dumps({"observed_at": "2023-10-06T02:00:00Z", "scene": "no-picture"})
    return httpx.post(
        f"{stack.system.urls['ingest']}/v1/scenes",
        headers=headers,
        files={"file": ("scene.tif", b"not a picture")},
        data={"metadata": metadata},
        timeout=60,
    )


def _what_is_known(stack: Stack) -> tuple[Any, Any]:
    with httpx.Client(base_url=stack.system.urls["alerting"], timeout=30) as alerting:
        return observations(alerting), alerts(alerting)


def _post(stack: Stack, **labels: str) -> None:
    httpx.post(f"{stack.alertmanager}/api/v2/alerts", json=[{"labels": labels}], timeout=30).raise_for_status()


def _inhibited(stack: Stack, alertname: str) -> bool:
    return any(alert["status"]["inhibitedBy"] for alert in stack.posted(alertname))
