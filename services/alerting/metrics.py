"""The metrics of alerting."""

from collections.abc import Iterable
from contextlib import suppress

from railwatch.shared.events import Miss
from railwatch.shared.metrics import MINUTES, MetricsOf

_OWN = MetricsOf(("alerting",))

_SITE = "the site's id"
_CONDITION = "`all` looks, or those with a remark, such as `low-sun`, `snow` or `no-baseline`; `clear` if none"
_BOUND = "`at`: the mean of what is known; `low` and `high`: the ends of its 90 % interval"
_RECEIVER = "the receiver's name in the settings"

OBSERVATIONS = _OWN.counter(
    "railwatch_observations_total",
    "Looks that entered a site's history, or were judged again after a correction.",
    state="the site's state after the look: `learning`, `normal`, `alert`, `measured` or `unobserved`; "
    "`archival` if it came late",
)
LOOK_SECONDS = _OWN.histogram(
    "railwatch_look_judged_seconds",
    "Time from the arrival of a look's scene in Railwatch to its first judgement. Looks from archives are left out.",
    MINUTES,
)
ALERT_TRANSITIONS = _OWN.counter(
    "railwatch_alert_transitions_total",
    "Transitions of alerts.",
    transition="`opened`, `updated`, `resolved`, `retracted`, `acknowledged` or `silenced`",
)
ALERTS_STANDING = _OWN.gauge(
    "railwatch_alerts_standing",
    "Alerts that are open now. Every replica of alerting reports all sites: take the maximum, not the sum.",
)
SITE_COUNT = _OWN.gauge(
    "railwatch_site_count",
    "Railcars at the last look that could be judged. Every replica reports all sites: take the maximum.",
    site=_SITE,
)
SITE_THRESHOLD = _OWN.gauge(
    "railwatch_site_threshold",
    "The threshold of that look: a count above it raises an alert; absent while the site's history is too short.",
    site=_SITE,
)
SITE_CLEAR_LOOK = _OWN.gauge(
    "railwatch_site_last_clear_look_timestamp_seconds",
    "When the satellite last saw enough of the site to judge it, in seconds since 1970.",
    site=_SITE,
)
SITE_OVERDUE_SECONDS = _OWN.gauge(
    "railwatch_site_look_overdue_seconds",
    "How long the next look at the site is overdue; 0 if it is not. Every replica reports all sites: take the maximum.",
    site=_SITE,
    miss="`look`: no look came, and a provider may have stopped; `clear-look`: the site was hidden on all looks",
)
SITE_PRECISION = _OWN.gauge(
    "railwatch_site_precision",
    "Share of the cars drawn at a site that are cars, by people's verdicts; absent where nobody judged a whole look. "
    "Every replica reports all sites: take the maximum.",
    site=_SITE,
    condition=_CONDITION,
    bound=_BOUND,
)
SITE_RECALL = _OWN.gauge(
    "railwatch_site_recall",
    "Share of the cars standing at a site that were drawn, by people's verdicts; absent where nobody judged a whole "
    "look. Every replica reports all sites: take the maximum.",
    site=_SITE,
    condition=_CONDITION,
    bound=_BOUND,
)
ALERTS_JUDGED = _OWN.gauge(
    "railwatch_alerts_judged",
    "Alerts that people judged, by their last verdict on each; absent while there is none. Every replica reports all "
    "sites: take the maximum.",
    verdict="`right`, `false` or `unclear`",
)
VERDICTS = _OWN.counter(
    "railwatch_verdicts_total",
    "Verdicts that people gave on looks and alerts.",
    kind="`right`, `false`, `unclear`, `not-a-car`, `missed-car`, `one-car`, `two-cars`, `total`, `second-look` or "
    "`taken-back`",
)
DELIVERIES = _OWN.counter(
    "railwatch_deliveries_total",
    "Attempts to deliver a transition of an alert or of a missed look to a receiver, by outcome.",
    receiver=_RECEIVER,
    outcome="`delivered`, `repeated` (it had this one already), `silenced`, `failed` (tried again) or `given-up` (a "
    "dead letter)",
)
DELIVERY_SECONDS = _OWN.histogram(
    "railwatch_delivery_seconds",
    "Time from the decision about an alert or a missed look until the receiver had taken it, all attempts included.",
    MINUTES,
    receiver=_RECEIVER,
)
DELIVERY_HEALTHY = _OWN.gauge(
    "railwatch_delivery_healthy",
    "1 if the last attempt to reach the receiver succeeded, 0 if it failed.",
    receiver=_RECEIVER,
)
REBUILDS = _OWN.counter(
    "railwatch_rebuilds_total",
    "Rebuilds that alerting began by itself because its state in Redis was lost.",
    outcome="`done`, or `failed` (tried again after half a minute)",
)


def forget_sites(sites: Iterable[str]) -> None:
    """End the series of sites that are not watched any more."""
    for site in sites:
        for gauge in (SITE_COUNT, SITE_THRESHOLD, SITE_CLEAR_LOOK):
            with suppress(KeyError):
                gauge.remove(site)
        for miss in Miss:
            with suppress(KeyError):
                SITE_OVERDUE_SECONDS.remove(site, miss.value)
