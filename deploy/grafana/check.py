"""Try the dashboards in a real Grafana: `deploy/grafana/check-with-grafana URL`.

Each dashboard is loaded into the folder *Railwatch check*. Grafana does not fill variables in if it is asked over HTTP,
so this program does. It exits with 1 if Grafana refuses a dashboard or a query.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

DASHBOARDS = sorted((Path(__file__).parent / "dashboards").glob("*.json"))
FOLDER = {"uid": "railwatch-check", "title": "Railwatch check"}
# By variable of the dashboards, the type of data source that it takes.
SOURCES = {"prometheus": "prometheus", "alerting": "yesoreyeram-infinity-datasource"}
YEAR_S = 365 * 86_400


def main() -> None:
    """Check all dashboards, and print a line for each panel."""
    parser = argparse.ArgumentParser(prog="check-with-grafana", description="Try the dashboards in a real Grafana.")
    parser.add_argument("url", help="address of Grafana; GRAFANA_TOKEN is the token of a service account")
    parser.add_argument("--site", default="tumangang", help="site to show (default: %(default)s)")
    parser.add_argument("--pictures", type=Path, help="also render each panel into this directory (image renderer)")
    given = parser.parse_args()
    if "GRAFANA_TOKEN" not in os.environ:
        sys.exit("Set GRAFANA_TOKEN to the token of a service account that may edit dashboards.")
    headers = {"Authorization": f"Bearer {os.environ['GRAFANA_TOKEN']}"}
    with httpx.Client(base_url=given.url, headers=headers, timeout=60) as grafana:
        failures = [line for line in check(grafana, given.site, given.pictures) if line.startswith("FAILED")]
    if failures:
        sys.exit(f"{len(failures)} of the checks failed.")


def check(grafana: httpx.Client, site: str, pictures: Path | None) -> Iterator[str]:
    """Print and yield what was found: lines that begin with `FAILED`, `EMPTY` or `ok`."""
    for line in _found(grafana, site, pictures):
        print(line)  # noqa: T201
        yield line


def _found(grafana: httpx.Client, site: str, pictures: Path | None) -> Iterator[str]:
    health = grafana.get("/api/health")
    yield f"ok      Grafana {health.json().get('version', '?')}" if health.is_success else f"FAILED  {_why(health)}"
    known = grafana.get("/api/datasources").raise_for_status().json()
    sources = {}
    for variable, kind in SOURCES.items():
        found = [one["uid"] for one in known if one["type"] == kind]
        if not found:
            yield f"FAILED  there is no data source of the type {kind}"
            return
        sources[variable] = found[0]
    grafana.post("/api/folders", json=FOLDER)  # it may be there already
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        body = {"dashboard": {**board, "id": None}, "folderUid": FOLDER["uid"], "overwrite": True}
        answer = grafana.post("/api/dashboards/db", json=body)
        yield f"ok      {board['title']}" if answer.is_success else f"FAILED  {board['title']}: {_why(answer)}"
        for panel in board["panels"]:
            if panel.get("targets"):
                yield _panel(grafana, board, panel, {**sources, "site": site})
                if pictures:
                    yield _picture(grafana, board, panel, site, pictures)


def _panel(grafana: httpx.Client, board: dict[str, Any], panel: dict[str, Any], values: dict[str, str]) -> str:
    where = f"{board['title']}: {panel['title'] or panel['type']}"
    now_s = time.time()
    queries = [
        {**json.loads(filled(json.dumps(target), values, now_s)), "intervalMs": 60_000, "maxDataPoints": 500}
        for target in panel["targets"]
    ]
    span = {"from": str(int((now_s - YEAR_S) * 1000)), "to": str(int(now_s * 1000))}
    answer = grafana.post("/api/ds/query", json={"queries": queries, **span})
    try:
        results = answer.json().get("results", {})
    except ValueError:
        return f"FAILED  {where}: {_why(answer)}"
    errors = [f"query {ref}: {result['error']}" for ref, result in results.items() if result.get("error")]
    missing = [f"query {query['refId']}: no answer" for query in queries if query["refId"] not in results]
    if errors or missing or not answer.is_success:
        return f"FAILED  {where}: {'; '.join(errors + missing) or _why(answer)}"
    frames = [frame for result in results.values() for frame in result.get("frames", ())]
    rows = sum(len((frame["data"]["values"] or [[]])[0]) for frame in frames)
    return f"ok      {where}: {rows} rows" if rows else f"EMPTY   {where}"


def _picture(grafana: httpx.Client, board: dict[str, Any], panel: dict[str, Any], site: str, directory: Path) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    query = {"panelId": str(panel["id"]), "var-site": site, "width": "1000", "height": "500"}
    answer = grafana.get(f"/render/d-solo/{board['uid']}/_", params=query)
    where = f"picture of {board['title']}: {panel['title'] or panel['type']}"
    if not answer.headers.get("content-type", "").startswith("image/"):
        return f"FAILED  {where}: {_why(answer)}"
    (directory / f"{board['uid']}-{panel['id']}.png").write_bytes(answer.content)
    return f"ok      {where}"


def filled(text: str, values: dict[str, str], now_s: float) -> str:
    """A text with Grafana's variables filled in, as Grafana does it in a browser."""
    iso = "%Y-%m-%dT%H:%M:%S.000Z"
    everything = {
        **values,
        "namespace": ".*",
        "__rate_interval": "1m",
        "__from:date:iso": time.strftime(iso, time.gmtime(now_s - YEAR_S)),
        "__to:date:iso": time.strftime(iso, time.gmtime(now_s)),
    }
    for name in sorted(everything, key=len, reverse=True):
        text = text.replace(f"${{{name}}}", everything[name]).replace(f"${name}", everything[name])
    return text


def _why(answer: httpx.Response) -> str:
    return f"{answer.status_code} {' '.join(answer.text.split())[:300]}"


if __name__ == "__main__":
    main()
