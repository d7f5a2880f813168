"""What `deploy/grafana/check-with-grafana` says, by a stand-in for the HTTP API of Grafana, which is not at hand."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.grafana.check import DASHBOARDS, SOURCES, check

Answer = Callable[[dict[str, Any]], dict[str, Any]]
ONE_ROW = {"frames": [{"schema": {"fields": []}, "data": {"values": [[1], [2]]}}]}


def grafana(result: Answer, sources: dict[str, str] | None = None) -> httpx.Client:
    """A Grafana that gives this result for each query."""

    def answer(request: httpx.Request) -> httpx.Response:
        match request.method, request.url.path:
            case "GET", "/api/health":
                return httpx.Response(200, json={"version": "12.3.0"})
            case "GET", "/api/datasources":
                kinds = (SOURCES if sources is None else sources).values()
                return httpx.Response(200, json=[{"uid": f"uid-of-{kind}", "type": kind} for kind in kinds])
            case "POST", "/api/folders":
                return httpx.Response(412, json={"message": "it is there already"})
            case "POST", "/api/dashboards/db":
                assert json.loads(request.content)["folderUid"] == "railwatch-check"
                return httpx.Response(200, json={"status": "success"})
            case "POST", "/api/ds/query":
                queries = json.loads(request.content)["queries"]
                return httpx.Response(200, json={"results": {query["refId"]: result(query) for query in queries}})
            case "GET", path if path.startswith("/render/d-solo/railwatch-"):
                return httpx.Response(200, content=b"a picture", headers={"content-type": "image/png"})
        return httpx.Response(404)

    return httpx.Client(base_url="http://grafana", transport=httpx.MockTransport(answer))


def kinds(lines: list[str]) -> Counter[str]:
    return Counter(line.split()[0] for line in lines)


def panels() -> list[dict[str, Any]]:
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    return [panel for board in boards for panel in board["panels"] if panel.get("targets")]


def test_each_panel_is_asked_for_with_no_variable_left_open() -> None:
    asked: list[str] = []

    def result(query: dict[str, Any]) -> dict[str, Any]:
        asked.append(json.dumps(query))
        return ONE_ROW

    lines = list(check(grafana(result), "tumangang", None))
    assert kinds(lines) == {"ok": 1 + len(DASHBOARDS) + len(panels())}
    assert len(asked) == sum(len(panel["targets"]) for panel in panels())
    assert not [query for query in asked if "$" in query]
    assert any("/v1/sites/tumangang/observations" in query for query in asked)


def test_a_query_that_fails_and_a_panel_without_data_are_named() -> None:
    def result(query: dict[str, Any]) -> dict[str, Any]:
        if "railwatch_alerts_standing" in query.get("expr", ""):
            return {"error": "parse error"}
        return {"frames": []} if "railwatch_site_threshold" in query.get("expr", "") else ONE_ROW

    lines = list(check(grafana(result), "tumangang", None))
    assert [line for line in lines if line.startswith("FAILED")] == [
        "FAILED  Railwatch / Sites: Alerts that stand: query A: parse error"
    ]
    assert "EMPTY   Railwatch / Site: Threshold" in lines


def test_a_grafana_without_the_data_source_is_told_at_once() -> None:
    lines = list(check(grafana(lambda _: ONE_ROW, {"prometheus": "prometheus"}), "tumangang", None))
    assert lines[-1] == "FAILED  there is no data source of the type yesoreyeram-infinity-datasource"


def test_pictures_are_kept_if_they_are_asked_for(tmp_path: Path) -> None:
    lines = list(check(grafana(lambda _: ONE_ROW), "tumangang", tmp_path / "pictures"))
    assert len(list((tmp_path / "pictures").glob("*.png"))) == len(panels())
    assert not kinds(lines)["FAILED"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_is_one_that_the_check_fills_in(path: Path) -> None:
    names = {variable["name"] for variable in json.loads(path.read_text())["templating"]["list"]}
    assert names <= {*SOURCES, "namespace", "site", "address"}
