"""Tests of the running system, with Prometheus and Alertmanager: `make test-deploy`."""
