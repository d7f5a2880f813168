"""Write the generated files: `python -m deploy`. Check that they are up to date: `python -m deploy --check`.

- grafana/dashboards/*.json from the code beside them
- each alert's `runbook_url` in prometheus/rules.yaml, from `RUNBOOKS` below
- prometheus/prometheus-rule.yaml, for the Prometheus operator, from prometheus/rules.yaml
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import pipeline, quality, site, sites

ROOT = Path(__file__).parent.parent
RULES = "deploy/prometheus/rules.yaml"

# Where your docs/runbooks can be read: alerts link there. Change it here and run `make deploy-files`.
RUNBOOKS = "https://railwatch.example/docs/runbooks"


def dashboards() -> Iterator[tuple[str, str]]:
    """Path and JSON of each dashboard."""
    for module in (sites, site, pipeline, quality):
        board: dict[str, Any] = json.loads(JSONEncoder().encode(module.make().build()))
        for number, panel in enumerate(board["panels"], start=1):
            panel["id"] = number
        yield f"deploy/grafana/dashboards/{board['uid']}.json", json.dumps(board, indent=2) + "\n"


def linked_rules() -> str:
    """The rules, with the address of the runbooks."""
    return re.sub(r"runbook_url: \S+/(\w+\.md)", rf"runbook_url: {RUNBOOKS}/\1", (ROOT / RULES).read_text())


def prometheus_rule(rules: str) -> tuple[str, str]:
    """Path and YAML of the rules in the form that the Prometheus operator reads."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "railwatch"},
        "spec": yaml.safe_load(rules),
    }
    text = yaml.safe_dump(resource, sort_keys=False, width=120)
    return "deploy/prometheus/prometheus-rule.yaml", "# Made from rules.yaml by `make deploy-files`.\n" + text


def main(check: bool) -> None:
    """Write the files, or exit with the names of files that are not up to date."""
    rules = linked_rules()
    files = dict([*dashboards(), (RULES, rules), prometheus_rule(rules)])
    stale = [path for path, text in files.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text]
    if check and stale:
        sys.exit(f"Not up to date: {', '.join(stale)}. Run `make deploy-files`.")
    for path in stale:
        (ROOT / path).write_text(files[path])


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
