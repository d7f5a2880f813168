"""Sites, counts, and the objectives."""

from deploy.tests.scenarios.world import ALERTING, DETECTOR, INGEST, OF_DETECTOR, Change, Scenario, alert, change, then

UNSEEN = alert("SiteNotSeen", "warning", site="tumangang", miss="look")
HIDDEN = alert("SiteNotSeen", "warning", site="khasan", miss="clear-look")
LATE = "0+1x30 30x300"


def painted(injected: str, recovered: str, **labels: str) -> tuple[Change, Change]:
    """How many cars a replica has painted into tiles, and found again."""
    return (
        change("railwatch_recall_cars_injected_total", injected, **labels, **DETECTOR),
        change("railwatch_recall_cars_recovered_total", recovered, **labels, **DETECTOR),
    )


SCENARIOS = (
    Scenario(
        "somebody breaks a site's file, which one replica has read, and mends it",
        (change("railwatch_site_faults", "0x4 2x20 0x20", instance="ingest-a"),),
        (then("12m"), then("20m", alert("RailwatchSiteFaults", "warning", **INGEST)), then("30m")),
        samples=40,
    ),
    Scenario(
        "many sites of one installation are overdue; clouds over all of the other are no fault",
        (
            *(
                change("railwatch_site_look_overdue_seconds", "0x10 60x80", site=site, miss="look")
                for site in ("dandong", "khasan", "tumangang")
            ),
            change("railwatch_site_look_overdue_seconds", "60x90", namespace="staging", miss="clear-look"),
            change("railwatch_site_look_overdue_seconds", "60x90", namespace="staging", site="khasan", miss="look"),
        ),
        (
            then("10m", UNSEEN, HIDDEN),
            then("80m", alert("RailwatchMissedLooks", "critical"), HIDDEN, inhibited=[UNSEEN]),
        ),
        samples=90,
        posted=(UNSEEN, HIDDEN),
    ),
    Scenario(
        "without a detector no site is seen, and many sites are overdue; the other installation's are told",
        (
            change("up", "1x5 0x120", **DETECTOR),
            change("railwatch_site_look_overdue_seconds", "60x120", miss="look"),
            change("railwatch_look_judged_seconds_count", "0+1x125"),
            change("railwatch_look_judged_seconds_bucket", "0+1x30 30x95"),
        ),
        (
            then(
                "110m",
                alert("RailwatchServiceAway", "critical", **DETECTOR),
                alert("SiteNotSeen", "warning", "staging", site="tumangang", miss="look"),
                inhibited=[
                    alert("RailwatchReplicaAway", "warning", **DETECTOR),
                    alert("RailwatchMissedLooks", "critical"),
                    alert("RailwatchLooksLate", "critical"),
                    alert("RailwatchLooksLate", "warning"),
                    UNSEEN,
                ],
            ),
        ),
        samples=120,
        posted=(UNSEEN, alert("SiteNotSeen", "warning", "staging", site="tumangang", miss="look")),
    ),
    Scenario(
        "alerting cannot show pictures: looks that are missed are told all the same",
        (
            change("railwatch_ready", "0x80", dependency="blobs", **ALERTING),
            change("railwatch_site_look_overdue_seconds", "60x80", miss="look"),
            change("railwatch_lag_seconds", "0+60x80", instance="alerting-a", group="railwatch-alerting"),
        ),
        (
            then(
                "30m",
                alert("RailwatchDependencyAway", "critical", dependency="blobs", **ALERTING),
                alert("RailwatchLagging", "warning", group="railwatch-alerting", **ALERTING),
                inhibited=[alert("RailwatchDependencyAway", "warning", dependency="blobs", **ALERTING)],
            ),
            then(
                "75m",
                alert("RailwatchDependencyAway", "critical", dependency="blobs", **ALERTING),
                alert("RailwatchLagging", "critical", group="railwatch-alerting", **ALERTING),
                alert("RailwatchMissedLooks", "critical"),
                inhibited=[
                    alert("RailwatchDependencyAway", "warning", dependency="blobs", **ALERTING),
                    alert("RailwatchLagging", "warning", group="railwatch-alerting", **ALERTING),
                ],
            ),
        ),
        samples=80,
    ),
    Scenario(
        "one site's images no longer match, as one replica of three says; the other installation's missed once",
        (
            change(
                "railwatch_site_unregistered_looks", "0x24 1x24 2x24 3x24 0x24", instance="detector-b", site="tumangang"
            ),
            change("railwatch_site_unregistered_looks", "0x24 1x24 0x72", site="khasan", namespace="staging"),
        ),
        (
            then("60h"),
            then("80h", alert("RailwatchRegistrationFailing", "warning", site="tumangang")),
            then("110h"),
        ),
        step_s=3600,
    ),
    Scenario(
        "an operator's baseline of one site is out of date until a person decides",
        (change("railwatch_site_outdated_baselines", "0x24 1x24 0x24", site="tumangang"),),
        (
            then("24h"),
            then("30h", alert("RailwatchBaselineOutdated", "warning", site="tumangang")),
            then("60h"),
        ),
        step_s=3600,
    ),
    Scenario(
        "one replica judges every look late: a page; the other installation is late with one",
        (
            change("railwatch_look_judged_seconds_bucket", LATE, instance="alerting-a"),
            change(
                "railwatch_look_judged_seconds_bucket", "0+1x30 30+1x300", instance="alerting-a", namespace="staging"
            ),
        ),
        (
            then("30m"),
            then(
                "90m",
                alert("RailwatchLooksLate", "critical"),
                inhibited=[alert("RailwatchLooksLate", "warning")],
            ),
        ),
    ),
    Scenario(
        "one look in twenty becomes a dead letter for days: a warning, and no page",
        (change("railwatch_records_handled_total", "0+0.1x100", outcome="dead-letter", instance="detector-b"),),
        (then("96h", alert("RailwatchLooksLate", "warning")),),
        step_s=3600,
        samples=100,
    ),
    Scenario(
        "looks are late because a consumer is stuck: only the cause is told",
        (
            change("railwatch_look_judged_seconds_bucket", LATE),
            change("railwatch_lag_records", "0x10 5x230", **DETECTOR),
            change("railwatch_records_handled_total", "10x240", outcome="done", **DETECTOR),
            change("railwatch_lag_seconds", "0x10 0+60x230", **DETECTOR),
            change("railwatch_partitions_assigned", "4x10 0x230", instance="detector-a"),
        ),
        (
            then(
                "120m",
                alert("RailwatchConsumerStuck", "critical", **OF_DETECTOR),
                alert("RailwatchLagging", "critical", **OF_DETECTOR),
                alert("RailwatchPartitionsUnassigned", "critical", **OF_DETECTOR),
                inhibited=[
                    alert("RailwatchLagging", "warning", **OF_DETECTOR),
                    alert("RailwatchLooksLate", "critical"),
                    alert("RailwatchLooksLate", "warning"),
                ],
            ),
        ),
    ),
    Scenario(
        "a slow receiver gets its alerts late, and no other one",
        (
            change("railwatch_delivery_seconds_bucket", "0+0.1x30 3x300", receiver="desk"),
            change("railwatch_delivery_seconds_count", "0+0.1x330", receiver="desk"),
        ),
        (
            then("30m"),
            then(
                "90m",
                alert("RailwatchAlertsLate", "critical", receiver="desk"),
                inhibited=[alert("RailwatchAlertsLate", "warning", receiver="desk")],
            ),
        ),
    ),
    Scenario(
        "fewer painted cars are found than in the weeks before; a new replica does not hide this",
        (
            *painted("0+18x120 _x50", "0+16.2x120 _x50", instance="detector-a", site="tumangang"),
            *painted("_x120 18+18x50", "_x120 10.8+10.8x50", instance="detector-b", site="khasan"),
            # The other installation finds as many as before, and paints more.
            *painted("0+54x170", "0+48.6x170", instance="detector-a", site="khasan", namespace="staging"),
        ),
        (then("720h"), then("744h"), then("888h", alert("RailwatchRecallFalling", "warning"))),
        step_s=21600,
        samples=170,
    ),
    Scenario(
        "a handful of painted cars proves nothing",
        (*painted("0+18x120 2160+3x50", "0+16.2x120 1944+0.6x50", instance="detector-a", site="tumangang"),),
        (then("900h"),),
        step_s=21600,
        samples=170,
    ),
)
