"""The three services: ingest, detector and alerting."""
