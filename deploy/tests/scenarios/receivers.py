"""Deliveries of alerts."""

from deploy.tests.scenarios.world import ALERTING, Scenario, alert, change, then

TO_DESK = {**ALERTING, "group": "railwatch-alerting-to-desk", "receiver": "desk"}

SCENARIOS = (
    Scenario(
        "one receiver of two takes nothing: one alert, whatever follows from it",
        (
            change("railwatch_delivery_healthy", "1x2 0x100", receiver="desk"),
            change("railwatch_deliveries_total", "0x2 0+1x100", receiver="desk", outcome="failed"),
            change("railwatch_deliveries_total", "0x72 0+0.5x40", receiver="desk", outcome="given-up"),
            change("railwatch_delivery_seconds_count", "0+0.5x2 1x100", receiver="desk"),
            change("railwatch_delivery_seconds_bucket", "0+0.5x2 1x100", receiver="desk"),
            change("railwatch_lag_seconds", "0x2 0+300x100", group="railwatch-alerting-to-desk"),
            change("railwatch_lag_records", "0x2 3x100", group="railwatch-alerting-to-desk"),
            change("railwatch_records_handled_total", "5x102", group="railwatch-alerting-to-desk"),
            change("railwatch_dead_letters_total", "_x74 1x28", reason="undelivered-desk", **ALERTING),
        ),
        (
            then("15m"),
            then("20m", alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING)),
            then(
                "400m",
                alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING),
                inhibited=[
                    alert("RailwatchLagging", "warning", **TO_DESK),
                    alert("RailwatchLagging", "critical", **TO_DESK),
                    alert("RailwatchConsumerStuck", "critical", **TO_DESK),
                    alert("RailwatchDeadLetters", "warning", receiver="desk", reason="undelivered-desk", **ALERTING),
                    alert("RailwatchAlertsLate", "critical", receiver="desk"),
                    alert("RailwatchAlertsLate", "warning", receiver="desk"),
                ],
            ),
        ),
        step_s=300,
        samples=102,
    ),
    Scenario(
        "one replica cannot deliver although the other one did long ago, until it can again",
        (
            change("railwatch_delivery_healthy", "1x10 0x60 1x60", instance="alerting-a", receiver="desk"),
            change(
                "railwatch_deliveries_total",
                "0x10 0+1x60 60x60",
                instance="alerting-a",
                receiver="desk",
                outcome="failed",
            ),
        ),
        (
            then("12m"),
            then("30m", alert("RailwatchDeliveryFailing", "critical", receiver="desk", **ALERTING)),
            then("75m"),
        ),
        samples=120,
    ),
    Scenario(
        "a replica failed once, and another one has its partitions since",
        (
            change("railwatch_delivery_healthy", "1x10 0x120", instance="alerting-a", receiver="desk"),
            change(
                "railwatch_deliveries_total", "0x10 1x120", instance="alerting-a", receiver="desk", outcome="failed"
            ),
        ),
        (then("60m"),),
        samples=120,
    ),
)
