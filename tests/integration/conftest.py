"""Which integration tests there are for the broker at hand."""

from tests.conftest import APACHE

# The embedded broker has no TLS and no users. The tests that need them run against Apache Kafka only.
collect_ignore = [] if APACHE else ["apache"]
