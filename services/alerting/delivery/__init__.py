"""Delivery of alerts to receivers outside: each on its own, at least once, none twice that had it."""
