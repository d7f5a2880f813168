"""Which integration tests there are for the broker at hand."""

from tests.conftest import APACHE

collect_ignore = [] if APACHE else ["apache"]
"""The embedded broker has neither TLS nor users: what needs them exists for Apache Kafka only."""
