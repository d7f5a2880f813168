"""Write what is made from something else: `python -m deploy`, or `python -m deploy --check` to see if it is up to date.

- grafana/dashboards/*.json from the code beside them
- prometheus/prometheus-rule.yaml, for the Prometheus operator, from prometheus/rules.yaml
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import pipeline, quality, site, sites

ROOT = Path(__file__).parent.parent


def dashboards() -> Iterator[tuple[str, str]]:
    """Path and JSON of each dashboard."""
    for module in (sites, site, pipeline, quality):
        board: dict[str, Any] = json.loads(JSONEncoder().encode(module.make().build()))
        for number, panel in enumerate(board["panels"], start=1):
            panel["id"] = number
        yield f"deploy/grafana/dashboards/{board['uid']}.json", json.dumps(board, indent=2) + "\n"


def prometheus_rule() -> tuple[str, str]:
    """Path and YAML of the rules as the Prometheus operator takes them."""
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "railwatch"},
        "spec": yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text()),
    }
    text = yaml.safe_dump(resource, sort_keys=False, width=120)
    return "deploy/prometheus/prometheus-rule.yaml", "# Made from rules.yaml by `make deploy-files`.\n" + text


def main(check: bool) -> None:
    """Write the files, or exit with those that are not up to date."""
    files = dict([*dashboards(), prometheus_rule()])
    stale = [path for path, text in files.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != text]
    if check and stale:
        sys.exit(f"Not up to date: {', '.join(stale)}. Run `make deploy-files`.")
    for path in stale:
        (ROOT / path).write_text(files[path])


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
