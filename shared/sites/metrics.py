"""The metrics of sites, which every service serves."""

from railwatch.shared.metrics import MetricsOf
from railwatch.shared.process import SERVICES

_EVERY = MetricsOf(SERVICES)

SITES = _EVERY.gauge("railwatch_sites", "Sites that the service works with: those that are not retired.")
SITE_FAULTS = _EVERY.gauge(
    "railwatch_site_faults",
    "What is wrong with the sites' files; the log says where. The last good version of a site stays in use. 1 more "
    "while the folder or bucket itself cannot be read.",
)
SITE_CHANGES = _EVERY.counter(
    "railwatch_site_changes_total", "How often new, changed or retired sites were picked up since the service started."
)
