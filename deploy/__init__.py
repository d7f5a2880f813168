"""What runs Railwatch: image, Kubernetes, Compose, Prometheus, Alertmanager, Grafana. Not part of the distribution."""
