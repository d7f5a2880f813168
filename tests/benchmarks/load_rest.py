"""What a start costs, and a service that has nothing to do, for `tests.benchmarks.load`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.load_flow import SERVICES, pid_of, spent
from tests.benchmarks.processes import main_thread_waited_s, processor_s
from tests.chaos.world import World
from tests.support.bus import eventually

# What each service imports when `railwatch <service>` starts it.
IMPORTS = {
    "ingest": "railwatch.cli, railwatch.services.ingest.main, railwatch.siting.page.routes",
    "detector": "railwatch.cli, railwatch.services.detector.main",
    "alerting": "railwatch.cli, railwatch.services.alerting.main",
}
# The least that a service could do: a member of a group that waits for records, five seconds at a time as ours does.
WAITING_MEMBER = """
import sys
from kafka import KafkaConsumer
consumer = KafkaConsumer(bootstrap_servers=sys.argv[1], group_id="at-rest", fetch_max_wait_ms=5000)
consumer.subscribe(["railwatch.tiles.v1"])
print("waits", flush=True)
while True:
    consumer.poll(5000)
"""
MEMBER = "beside it: one waiting member of a group, kafka-python alone"
# As the probes of `deploy/kubernetes/base/`.
ASK_EVERY_S = 10.0


def measure_starts(world: World) -> None:
    """Each service is started once more."""
    print("\n| start of | ready after, s | of it waiting for a core, s | processor time, s | to import alone, s |")
    print("| --- | --- | --- | --- | --- |")
    for service in SERVICES:
        slot = world.slot(service)
        slot.wanted = False
        world.fleet.end(slot)
        began = time.perf_counter()
        slot.wanted = True
        eventually(slot.ready, f"{service} is ready")
        ready, pid = time.perf_counter() - began, pid_of(world, service)
        used, waited = processor_s(pid), main_thread_waited_s(pid)
        print(f"| {service} | {ready:.1f} | {waited:.1f} | {used:.1f} | {import_s(IMPORTS[service]):.1f} |", flush=True)
    eventually(world.all_ready, "all services are ready")


def import_s(modules: str) -> float:
    """Processor time to import modules into a new interpreter, in seconds."""
    timed = f"import time; began = time.process_time(); import {modules}; print(time.process_time() - began)"
    return float(subprocess.run([sys.executable, "-c", timed], stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure_rest(world: World, seconds: float) -> dict[str, float]:
    """What each service takes of a core while nothing comes in. Probes ask as a kubelet does, and Prometheus."""
    with _waiting_member(world) as member:
        time.sleep(5.0)  # what came before is finished
        before, began = {**spent(world), MEMBER: processor_s(member)}, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            for service in SERVICES:
                for path in ("/healthz", "/readyz", *(["/metrics"] if int(passed) % 15 < ASK_EVERY_S else [])):
                    world.slot(service).get(path)
            time.sleep(ASK_EVERY_S)
        after = {**spent(world), MEMBER: processor_s(member)}
    print(f"\n| at rest, over {passed:.0f} s | of a core |\n| --- | --- |")
    share = {name: (used - before[name]) / passed for name, used in after.items()}
    for name, used in share.items():
        print(f"| {name} | {used:.2%} |", flush=True)
    del share[MEMBER]
    return share


@contextmanager
def _waiting_member(world: World) -> Iterator[int]:
    command = [sys.executable, "-c", WAITING_MEMBER, world.kafka_settings.bootstrap_servers]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.terminate()
