"""What so many sites and looks need, and what breaks first: formulas, with measured costs as input.

Every site is independent of all others. So an installation that is too large becomes several, each with its own sites,
Redis and prefix of topics.
"""

import bisect
import math
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from railwatch.shared.sites.folder import KEPT_BETWEEN

DAY_S = 86_400.0
YEAR_DAYS = 365.0
# Partitions of a topic are made in steps, with twice as many as detector pods at the peak.
PARTITION_STEP = 12
TOPICS = 5
# How often alerting goes through its sites, and Prometheus reads the gauges, seconds.
ROUND_S = 15.0


# Of the costs: what comes from nowhere but judgement, an installation's plan, or the books of others.
ASSUMED = (
    "steps_a_site_and_year",
    "peak",
    "copies",
    "brokers",
    "pod_memory_bytes",
    "start_within_s",
    "redis_memory_bytes",
    "broker_disk_bytes",
    "broker_partitions",
    "prometheus_series",
)


class Costs(BaseModel):
    """Measured costs, and what is `ASSUMED` of the load and of machines.

    docs/operate.md, *Sizing*, says how each was measured.

    Attributes:
        ingest_s: processor time of a scene.
        count_s: processor time of a tile in the detector, repeated counts included.
        judge_s: processor time of a look in alerting. A rebuild takes at most as much for each look.
        site_round_s: processor time of alerting for a site in each round: missed looks, gauges, and what Prometheus
            reads of them.
        site_start_s: processor time for a site at a start, if it was read before and has not changed.
        site_read_s: processor time to read a site's files, which is done once.
        site_pod_bytes: memory of a site in each pod.
        tile_blob_bytes: a tile and its pictures in the object store.
        tile_kafka_bytes: a tile's events.
        step_kafka_bytes: a step of an alert in Kafka.
        site_redis_bytes: a site with its longest history in Redis.
        cell_redis_bytes: the good looks of one tile's place in Redis.
        step_redis_bytes: a step of an alert in Redis. The last 50 alerts of a site are kept.
        scene_redis_bytes: ingest's notes on a scene.
        scene_kept_days: for so long they are kept.
        steps_a_site_and_year: steps of alerts at a site in a year.
        peak: the busiest hour over the mean; images come in waves.
        copies: copies of each Kafka partition.
        brokers: Kafka brokers.
        pod_memory_bytes: memory of the smallest pod, of which sites may fill half.
        start_within_s: time in which a pod must have started.
        redis_memory_bytes: memory of one Redis.
        broker_disk_bytes: disk of one broker.
        broker_partitions: copies of partitions on one broker.
        prometheus_series: series that one Prometheus holds for Railwatch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ingest_s: float = Field(default=0.06, gt=0)
    count_s: float = Field(default=1.67, gt=0)
    judge_s: float = Field(default=0.007, gt=0)
    site_round_s: float = Field(default=100e-6, gt=0)
    site_start_s: float = Field(default=60e-6, gt=0)
    site_read_s: float = Field(default=3.3e-3, gt=0)
    site_pod_bytes: float = Field(default=10e3, gt=0)
    tile_blob_bytes: float = Field(default=1.7e6, gt=0)
    tile_kafka_bytes: float = Field(default=6e3, gt=0)
    step_kafka_bytes: float = Field(default=5.3e3, gt=0)
    site_redis_bytes: float = Field(default=147e3, gt=0)
    cell_redis_bytes: float = Field(default=12 * 0.4e3, gt=0)
    step_redis_bytes: float = Field(default=9e3, gt=0)
    scene_redis_bytes: float = Field(default=1.6e3, gt=0)
    scene_kept_days: float = Field(default=90, gt=0)
    steps_a_site_and_year: float = Field(default=12, ge=0)
    peak: float = Field(default=5, ge=1)
    copies: int = Field(default=3, ge=1)
    brokers: int = Field(default=3, ge=1)
    pod_memory_bytes: float = Field(default=2.0**30, gt=0)
    start_within_s: float = Field(default=120, gt=0)
    redis_memory_bytes: float = Field(default=64e9, gt=0)
    broker_disk_bytes: float = Field(default=10e12, gt=0)
    broker_partitions: int = Field(default=4_000, gt=0)
    prometheus_series: float = Field(default=2e6, gt=0)


@dataclass(frozen=True)
class Limit:
    """Something that breaks when its share is above 1.

    Attributes:
        name: what it is.
        share: how much of it is used, of what there may be.
        remedy: what to do when it is reached.
        by_sites: whether it is divided when the sites are divided among several installations.
    """

    name: str
    share: float
    remedy: str
    by_sites: bool = True


@dataclass(frozen=True)
class Plan:
    """What so many sites and looks need together, in one installation."""

    tiles_a_day: float
    ingest_cores: float
    detector_cores: float
    detector_pods: int
    alerting_cores: float
    partitions: int
    kafka_bytes_a_year: float
    blob_bytes_a_day: float
    redis_bytes: float
    first_start_s: float
    start_s: float
    limits: tuple[Limit, ...]

    @classmethod
    def of(cls, sites: int, looks_a_day: float, tiles_a_look: float, costs: Costs) -> Self:
        """The plan.

        Args:
            sites: sites that are watched.
            looks_a_day: looks at each of them in a day.
            tiles_a_look: tiles of a look; a site up to 1 km across has one.
            costs: what was measured.
        """
        looks = sites * looks_a_day
        tiles = looks * tiles_a_look
        detector_cores = tiles * costs.count_s / DAY_S
        pods = max(1, math.ceil(detector_cores * costs.peak))
        alerting_cores = looks * costs.judge_s / DAY_S + sites * costs.site_round_s / ROUND_S
        partitions = PARTITION_STEP * math.ceil(2 * pods / PARTITION_STEP)
        steps = sites * costs.steps_a_site_and_year
        kafka = costs.copies * (tiles * YEAR_DAYS * costs.tile_kafka_bytes + steps * costs.step_kafka_bytes)
        redis = (
            sites * (costs.site_redis_bytes + tiles_a_look * costs.cell_redis_bytes)
            + steps * costs.step_redis_bytes
            + looks * costs.scene_kept_days * costs.scene_redis_bytes
        )
        series = sites * (5 * 2 + 2 * pods)
        limits = (
            Limit(
                "memory of a pod, for its sites",
                sites * costs.site_pod_bytes / (costs.pod_memory_bytes / 2),
                "give the pods more memory, or make several installations",
            ),
            Limit(
                "start of a pod, with sites that were read before",
                sites * costs.site_start_s / costs.start_within_s,
                "give the startup probe more time, or make several installations",
            ),
            Limit(
                f"first start of a pod, until it keeps {KEPT_BETWEEN:,} sites and may be cut short",
                min(sites, KEPT_BETWEEN) * costs.site_read_s / costs.start_within_s,
                "give the startup probe more time, or make several installations",
            ),
            Limit(
                "alerting's round of all sites",
                sites * costs.site_round_s / (ROUND_S / 2),
                "make several installations: each replica goes through all sites",
            ),
            Limit(
                "a rebuild of a year's looks, within a day",
                looks * YEAR_DAYS * costs.judge_s / DAY_S,
                "make several installations: each is rebuilt by itself",
            ),
            Limit(
                "series of Prometheus",
                series / costs.prometheus_series,
                "drop the gauges of sites from all detector pods but one, or make several installations",
            ),
            Limit(
                "memory of Redis",
                redis / costs.redis_memory_bytes,
                "a larger Redis, or several installations with a Redis each",
            ),
            Limit(
                "Kafka's disks, in a year",
                kafka / (costs.brokers * costs.broker_disk_bytes),
                "more brokers, tiered storage, or a retention of tiles and counts (docs/operate.md, Sizing)",
                by_sites=False,
            ),
            Limit(
                "partitions of a broker",
                TOPICS * partitions * costs.copies / (costs.brokers * costs.broker_partitions),
                "more brokers",
                by_sites=False,
            ),
        )
        return cls(
            tiles_a_day=tiles,
            ingest_cores=looks * costs.ingest_s / DAY_S,
            detector_cores=detector_cores,
            detector_pods=pods,
            alerting_cores=alerting_cores,
            partitions=partitions,
            kafka_bytes_a_year=kafka,
            blob_bytes_a_day=tiles * costs.tile_blob_bytes,
            redis_bytes=redis,
            first_start_s=sites * costs.site_read_s,
            start_s=sites * costs.site_start_s,
            limits=tuple(sorted(limits, key=lambda limit: -limit.share)),
        )

    @property
    def fits(self) -> bool:
        """Whether one installation holds its sites."""
        return all(limit.share <= 1 for limit in self.limits if limit.by_sites)


def installations(sites: int, looks_a_day: float, tiles_a_look: float, costs: Costs) -> int:
    """Into how many installations the sites must be divided. The arguments are those of `Plan.of`."""

    def enough(number: int) -> bool:
        return Plan.of(math.ceil(sites / number), looks_a_day, tiles_a_look, costs).fits

    return 1 + bisect.bisect_left(range(1, sites), True, key=enough)
