"""Rules, dashboards and runbooks, against the catalogue of metrics and one another."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from railwatch.services.metrics import ALL

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
NOT_OURS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}

each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def queries() -> Iterator[str]:
    """Every query of a rule or a panel."""
    yield from (rule["expr"] for rule in RULES)
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()) if "expr" in target)


def test_every_metric_that_is_asked_for_is_in_the_catalogue() -> None:
    known = NOT_OURS | {rule["record"] for rule in RULES if "record" in rule}
    for metric in ALL:
        parts = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        known |= {metric.name + part for part in parts}
    asked = {
        name for query in queries() for name in re.findall(r"\b(?:railwatch[_:][a-z0-9_:]+|process_\w+|up)\b", query)
    }
    assert asked - known == set()


def test_every_alert_has_a_page_that_says_what_to_do() -> None:
    alerts = {rule["alert"]: rule for rule in RULES if "alert" in rule}
    pages = {page.stem: page for page in (ROOT / "docs" / "runbooks").glob("Railwatch*.md")}
    assert set(alerts) == set(pages)
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{name}.md")
        assert rule["labels"]["severity"] in ("warning", "critical", "none")
        assert re.findall(r"^## (.+)$", pages[name].read_text(), re.MULTILINE) == ["What it means", "What to do"]


@each_dashboard
def test_no_panel_overlaps_another_or_the_edge(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        xs, ys = (range(place[start], place[start] + place[size]) for start, size in (("x", "w"), ("y", "h")))
        cells = {(x, y) for x in xs for y in ys}
        assert xs.stop <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@each_dashboard
def test_every_panel_says_what_it_shows(path: Path) -> None:
    for panel in json.loads(path.read_text())["panels"]:
        if panel["type"] in ("row", "text"):
            continue
        assert panel["description"].endswith("."), panel["title"]
        defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"], panel["title"]


@each_dashboard
def test_every_dashboard_answers_the_question_at_its_top(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["panels"][0]["type"] == "text"
    assert board["panels"][0]["options"]["content"] == f"### {board['description']}"
    assert board["description"].endswith("?")


@each_dashboard
def test_every_query_of_prometheus_is_about_the_chosen_namespace(path: Path) -> None:
    ours = r"\b(?:railwatch[_:]|process_|kube_|up\b|ALERTS)[a-z0-9_:]*(?:\{namespace=~\"\$namespace\")?"
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel.get("targets", ()):
            for selector in re.findall(ours, target.get("expr", "")):
                assert selector.endswith('"$namespace"'), (panel["title"], target["expr"])


@each_dashboard
def test_restarts_and_roll_outs_are_marked(path: Path) -> None:
    targets = {mark["name"]: mark["target"] for mark in json.loads(path.read_text())["annotations"]["list"]}
    assert "process_start_time_seconds" in targets["Restarts"]["expr"]
    assert "kube_replicaset_created" in targets["Roll-outs"]["expr"]


@each_dashboard
def test_every_variable_that_is_used_is_declared(path: Path) -> None:
    text = path.read_text()
    declared = {variable["name"] for variable in json.loads(text)["templating"]["list"]}
    used = {name for name in re.findall(r"\$\{?([A-Za-z_]+)", text) if not name.startswith("__")}
    assert used <= declared


@each_dashboard
def test_every_panel_about_single_sites_leads_to_pages_of_looks_or_alerts(path: Path) -> None:
    for panel in json.loads(path.read_text())["panels"]:
        asked = json.dumps(panel.get("targets", ()))
        if re.search(r"\{\{site|\$\{?site\b|/v1/sites", asked):
            links = re.findall(r'"url": "([^"]+)"', json.dumps(panel["fieldConfig"]))
            assert any("/sites/$" in link or link in ("${__data.fields.Page}", "${__value.raw}") for link in links), (
                panel["title"]
            )
