"""The limits of `railwatch capacity`, each tried at a hundredth of its size. `python -m tests.benchmarks.capacity`.

An installation holds about 24,000 sites, so 240 are read, have 300 looks each in a real Redis, and are gone through as
alerting does every 15 s. What is measured stands beside what `railwatch.capacity.Costs` takes for it. Processor time is
that of this process. The disks of brokers are not filled: their limit is the size of events times their number.
"""

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import generate_latest

from railwatch.capacity import TOPICS, Costs
from railwatch.embedded import embedded_broker, embedded_redis
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.missed_looks import announce_missed_looks
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import report_sites
from railwatch.shared.bus import encode
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.metrics import registry
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import load_sites
from railwatch.shared.state import connect
from tests.benchmarks.alert_cost import NOW, costs, count_of, fill, handler_of
from tests.benchmarks.processes import resident_mb
from tests.chaos.scenes import write_sites
from tests.support.alerting import small_site
from tests.support.bus import kafka_settings_of, tile

SITES, LOOKS, ROUNDS = 240, 300, 5
COSTS = Costs()


def row(limit: str, tried: str, measured: str, taken: str) -> None:
    """Print a row of the table."""
    print(f"| {limit} | {tried} | {measured} | {taken} |", flush=True)


def reading() -> None:
    """Memory of a pod for its sites, and the time to read them."""
    with tempfile.TemporaryDirectory() as directory:
        few, all_ = Path(directory, "few"), Path(directory, "all")
        write_sites(few, 2)
        write_sites(all_, SITES)
        load_sites(few)  # what is loaded once
        before_mb, began = resident_mb(os.getpid()), time.process_time()
        held = load_sites(all_)
        took_s = time.process_time() - began
        site_bytes = 1e6 * (resident_mb(os.getpid()) - before_mb) / len(held.sites)
    row(
        "memory of a pod", f"{SITES} sites", f"{site_bytes / 1e3:.0f} kB a site", f"{COSTS.site_pod_bytes / 1e3:.0f} kB"
    )
    row(
        "first start of a pod",
        f"{SITES} sites",
        f"{1e3 * took_s / SITES:.1f} ms a site",
        f"{1e3 * COSTS.site_read_s:.1f} ms",
    )


def judging() -> None:
    """Redis, a look, and alerting's round of all sites."""
    sites = {f"site-{number:05d}": small_site(f"site-{number:05d}") for number in range(SITES)}
    with embedded_redis() as environment, tempfile.TemporaryDirectory() as directory:
        client: Any = connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"]))
        archive = Archive.open(BlobSettings(url=f"file://{directory}"))
        empty = client.info("memory")["used_memory"]
        fill(client, sites, archive, LOOKS)
        site_bytes = (client.info("memory")["used_memory"] - empty) / SITES
        store, handler = Store(client), handler_of(client, sites, archive)
        looks = [count_of(name, LOOKS, 9.0) for name in sorted(sites)[2:]]
        look_ms = float(np.mean([cost.decoding + cost.handling + cost.encoding for cost in costs(handler, looks)]))

        def go_through(rounds: int) -> None:
            for _ in range(rounds):
                announce_missed_looks(store, sites, timedelta(days=7), "http://railwatch.example", NOW)
                report_sites(sites, store)
                generate_latest(registry("alerting"))

        go_through(1)
        began = time.process_time()
        go_through(ROUNDS)
        round_s = (time.process_time() - began) / ROUNDS
    text = generate_latest(registry("alerting")).decode()
    series = sum('site="site-' in line for line in text.splitlines()) / SITES
    taken = f"{COSTS.site_redis_bytes / 1e3:.0f} kB"
    row("memory of Redis", f"{SITES} sites, {LOOKS} looks each", f"{site_bytes / 1e3:.0f} kB a site", taken)
    row("a rebuild", f"{len(looks)} looks", f"{look_ms:.1f} ms a look", f"{1e3 * COSTS.judge_s:.0f} ms")
    taken = f"{1e6 * COSTS.site_round_s:.0f} µs"
    row("alerting's round", f"{SITES} sites", f"{1e6 * round_s / SITES:.0f} µs a site", taken)
    row("series of Prometheus", f"{SITES} sites", f"{series:.1f} a site in a pod of alerting", "5")


def events() -> None:
    """Kafka's disks and partitions."""
    tile_bytes = sum(len(encode(event).value or b"") for event in (tile(1), count_of("site-00000", 1, 9.0)))
    row(
        "Kafka's disks",
        "one tile and its count",
        f"{tile_bytes / 1e3:.1f} kB",
        f"{COSTS.tile_kafka_bytes / 1e3:.0f} kB",
    )
    partitions = COSTS.broker_partitions // 100 // TOPICS
    with embedded_broker() as environment:
        began = time.perf_counter()
        made = ensure_topics(kafka_settings_of(environment), TopicPlan(partitions, replication=1))
        took_s = time.perf_counter() - began
    row("partitions of a broker", f"{len(made) * partitions}", f"made in {took_s:.1f} s", "")


def main() -> None:
    """Print the table."""
    print("| limit | tried with | measured | `Costs` |\n| --- | --- | --- | --- |")
    reading()
    judging()
    events()


if __name__ == "__main__":
    main()
