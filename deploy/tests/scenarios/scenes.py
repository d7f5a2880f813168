"""Scenes, sources, and what becomes a dead letter."""

from deploy.tests.scenarios.world import DETECTOR, INGEST, OF_STAC, Scenario, alert, change, then

SCENARIOS = (
    Scenario(
        "ingest puts every scene off for 100 minutes, and its source is not looked through",
        (
            change("railwatch_scenes_total", "0+1x24 25x100", outcome="published"),
            change("railwatch_scenes_total", "0x24 0+1x100", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_scenes_total", "0x24 0+1x100", outcome="deferred", reason="", **OF_STAC),
            change("railwatch_source_complete_timestamp_seconds", "0+300x24 7200x100"),
            change("railwatch_site_look_overdue_seconds", "0x24 60x100", miss="look"),
        ),
        (
            then("150m"),
            then(
                "220m",
                alert("RailwatchScenesDeferred", "critical", **INGEST),
                inhibited=[
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                    alert("RailwatchMissedLooks", "critical"),
                    alert("SiteNotSeen", "warning", site="khasan", miss="look"),
                ],
            ),
            then(
                "600m",
                alert("RailwatchScenesDeferred", "critical", **INGEST),
                inhibited=[
                    alert("RailwatchScenesDeferred", "warning", source="api", **INGEST),
                    alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                    alert("RailwatchSourceLagging", "warning", **OF_STAC),
                    alert("RailwatchMissedLooks", "critical"),
                    alert("SiteNotSeen", "warning", site="khasan", miss="look"),
                ],
            ),
        ),
        step_s=300,
        samples=124,
        posted=(alert("SiteNotSeen", "warning", site="khasan", miss="look"),),
    ),
    Scenario(
        "one source of two puts everything off, and a replica of the other a single scene",
        (
            change("railwatch_scenes_total", "50x120", outcome="published", **OF_STAC),
            change("railwatch_scenes_total", "0+1x120", outcome="deferred", reason="", instance="ingest-b", **OF_STAC),
            change("railwatch_scenes_total", "_x6 1x114", source="api", outcome="deferred", reason="", **INGEST),
            change("railwatch_source_complete_timestamp_seconds", "0x120"),
        ),
        (
            then("50m"),
            then("120m", alert("RailwatchScenesDeferred", "warning", **OF_STAC)),
            then(
                "420m",
                alert("RailwatchScenesDeferred", "warning", **OF_STAC),
                inhibited=[alert("RailwatchSourceLagging", "warning", **OF_STAC)],
            ),
        ),
        step_s=300,
        samples=120,
    ),
    Scenario(
        "a scene is put off again and again, and another one of its source comes in as the first ever",
        (
            change("railwatch_scenes_total", "0+1x200", outcome="deferred", reason="", source="drop", **INGEST),
            change("railwatch_scenes_total", "_x60 1x200", outcome="published", reason="", source="drop", **INGEST),
        ),
        (then("70m"), then("110m"), then("130m", alert("RailwatchScenesDeferred", "warning", source="drop", **INGEST))),
    ),
    Scenario(
        "a single upload is no picture: its sender was told, and nobody else is",
        (
            change("railwatch_dead_letters_total", "_x30 1x200", reason="format-unsupported", **INGEST),
            change(
                "railwatch_scenes_total",
                "_x30 1x200",
                source="api",
                outcome="rejected",
                reason="format-unsupported",
                **INGEST,
            ),
        ),
        (then("40m"), then("100m")),
    ),
    Scenario(
        "a provider has changed its format, and most of its scenes are refused",
        (
            change("railwatch_scenes_total", "0+0.1x240", outcome="rejected", reason="bands-unsupported", **OF_STAC),
            change("railwatch_scenes_total", "0+0.02x240", outcome="published", **OF_STAC),
            change(
                "railwatch_scenes_total",
                "0+0.1x240",
                outcome="rejected",
                reason="bands-unsupported",
                namespace="staging",
                **OF_STAC,
            ),
        ),
        (then("30m"), then("90m", alert("RailwatchScenesRefused", "warning", **OF_STAC))),
    ),
    Scenario(
        "a first dead letter of our own is seen although its counter begins at 1, and is forgotten after an hour",
        (
            change(
                "railwatch_dead_letters_total", "_x30 1x200", instance="detector-b", reason="blob-missing", **DETECTOR
            ),
        ),
        (
            then("20m"),
            then("70m", alert("RailwatchDeadLetters", "warning", reason="blob-missing", **DETECTOR)),
            then("120m"),
        ),
    ),
    Scenario(
        "a fault of ingest itself is not taken for a sender's mistake",
        (change("railwatch_dead_letters_total", "_x30 1x200", instance="ingest-a", reason="internal-error", **INGEST),),
        (then("70m", alert("RailwatchDeadLetters", "warning", reason="internal-error", **INGEST)),),
    ),
    Scenario(
        "a STAC API fails for two hours; a directory fails for a moment; the other installation's API is well",
        (
            change("railwatch_source_failures_total", "0x12 0+1x24 24x40", instance="ingest-a"),
            change("railwatch_source_failures_total", "0x12 5x60", source="drop", **INGEST),
            change("railwatch_source_complete_timestamp_seconds", "0x80"),
            change("railwatch_scenes_total", "0x80", outcome="published", **OF_STAC),
            change("railwatch_scenes_total", "0x12 0+1x24 24x40", outcome="deferred", reason="", **OF_STAC),
        ),
        (
            then("80m"),
            then(
                "150m",
                alert("RailwatchSourceFailing", "warning", **OF_STAC),
                inhibited=[alert("RailwatchScenesDeferred", "warning", **OF_STAC)],
            ),
            then("270m"),
        ),
        step_s=300,
        samples=76,
    ),
    Scenario(
        "a source fails for longer than it takes to look through it",
        (
            change("railwatch_source_failures_total", "0+1x100", instance="ingest-b"),
            change("railwatch_source_complete_timestamp_seconds", "0x100"),
        ),
        (
            then(
                "420m",
                alert("RailwatchSourceFailing", "warning", **OF_STAC),
                inhibited=[alert("RailwatchSourceLagging", "warning", **OF_STAC)],
            ),
        ),
        step_s=300,
        samples=100,
    ),
    Scenario(
        "a source puts something off at each poll, until another replica has its turn",
        (
            change("railwatch_source_complete_timestamp_seconds", "0x100"),
            change("railwatch_source_complete_timestamp_seconds", "0x90 27000x10", instance="ingest-b"),
        ),
        (then("6h"), then("7h", alert("RailwatchSourceLagging", "warning", **OF_STAC)), then("8h")),
        step_s=300,
        samples=100,
    ),
)
