"""Alerting's state in Redis: the store, its transactions and its schema version."""
