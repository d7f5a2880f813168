"""The metrics of alerting."""

from railwatch.shared.metrics import MetricsOf

_OWN = MetricsOf(("alerting",))

_SITE = "the site's id"
_RECEIVER = "the receiver's name in the settings"

OBSERVATIONS = _OWN.counter(
    "railwatch_observations_total",
    "Looks that entered a site's history, or were judged anew after a correction.",
    state="how the site stands after it: `learning`, `normal`, `alert` or `unobserved`; `archival` if it came late",
)
ALERT_TRANSITIONS = _OWN.counter(
    "railwatch_alert_transitions_total",
    "Steps in the lives of alerts, as they were decided.",
    transition="`opened`, `updated`, `resolved`, `retracted`, `acknowledged` or `silenced`",
)
ALERTS_STANDING = _OWN.gauge(
    "railwatch_alerts_standing",
    "Alerts that are open now. Every replica of alerting reports all sites: take the maximum, not the sum.",
)
SITE_COUNT = _OWN.gauge(
    "railwatch_site_count",
    "Railcars at the last look at which the site could be judged. Every replica reports all sites: take the maximum.",
    site=_SITE,
)
SITE_THRESHOLD = _OWN.gauge(
    "railwatch_site_threshold",
    "Count above which that look would have raised an alert; absent while the site is still learned.",
    site=_SITE,
)
SITE_CLEAR_LOOK = _OWN.gauge(
    "railwatch_site_last_clear_look_timestamp_seconds",
    "When the satellite last saw enough of the site to judge it, in seconds since 1970.",
    site=_SITE,
)
SITE_OVERDUE_SECONDS = _OWN.gauge(
    "railwatch_site_look_overdue_seconds",
    "How long ago the next look at the site should have come; 0 while it is not due. Every replica reports all sites.",
    site=_SITE,
    miss="`look`: none at all, a provider may be dead; `clear-look`: looks came, but the site was hidden on them",
)
DELIVERIES = _OWN.counter(
    "railwatch_deliveries_total",
    "Attempts to deliver a transition of an alert or of a missed look to a receiver, and what came of them.",
    receiver=_RECEIVER,
    outcome="`delivered`, `repeated` (it had this one already), `before-receiver` (older than the receiver), "
    "`silenced`, "
    "`failed` (tried again) or `given-up` (a dead letter)",
)
DELIVERY_HEALTHY = _OWN.gauge(
    "railwatch_delivery_healthy",
    "1 while the last attempt to reach the receiver succeeded, 0 after one that failed.",
    receiver=_RECEIVER,
)
