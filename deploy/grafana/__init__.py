"""The Grafana dashboards as code; `python -m deploy` writes them to dashboards/*.json."""
