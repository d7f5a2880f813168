"""The demo from start to end."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from railwatch.demo.episode import BASELINE, LOOKS, PlannedLook
from railwatch.demo.facts import FACTS_BASELINE, FACTS_LOOKS, facts_table, verdicts
from railwatch.demo.replay import Observation, ReplayProgress, Scenes, alerts, rendering, replay
from railwatch.demo.report import looks_table, print_alert, save_evidence, summary, write_summary
from railwatch.demo.system import System, running_system
from railwatch.demo.yard import NAME, write_site
from railwatch.shared.errors import RailwatchError

OUTPUT = Path("build/demo")


@dataclass(frozen=True)
class Episode:
    """What a demo replays.

    Attributes:
        name: in a few words.
        baseline: the baseline.
        looks: the looks, oldest first.
        on_facts: whether public reports are compared with what is found.
    """

    name: str
    baseline: PlannedLook
    looks: tuple[PlannedLook, ...]
    on_facts: bool = False


SHORT = Episode("March to October 2023", BASELINE, LOOKS)
ON_FACTS = Episode("October 2022 to December 2024, from public reports", FACTS_BASELINE, FACTS_LOOKS, True)


def run_demo(console: Console, *, keep: bool, output: Path = OUTPUT, episode: Episode = SHORT) -> None:
    """Start the system, replay the episode, show and write what it found, and stop everything.

    Args:
        console: where to print.
        keep: leave the system running until Ctrl-C, and print its URLs.
        output: folder for the store, the logs, the evidence and `summary.json`. Earlier output in it is removed.
        episode: what to replay.

    Raises:
        RailwatchError: something failed. The message is one sentence with the path of the log.
    """
    began = time.monotonic()
    for old in ("sites", "store", "logs", "evidence"):
        shutil.rmtree(output / old, ignore_errors=True)
    (output / "summary.json").unlink(missing_ok=True)
    write_site(output / "sites")
    looks = (episode.baseline, *episode.looks)
    console.print(f"[bold]{NAME}, {episode.name}[/], on rendered pictures: {len(episode.looks)} looks.")
    with terminated_in_order():
        console.print("Starting a broker, Redis, ingest, detector and alerting on loopback ...")
        with rendering(looks) as scenes, running_system(output) as system:
            console.print(
                f"Ready after {time.monotonic() - began:.0f} s. Pushing scenes to {system.urls['ingest']} ..."
            )
            judged = _watched_replay(console, system, scenes, len(episode.looks))
            _show(console, system, judged, output, episode)
            console.print(
                f"\nTook {time.monotonic() - began:.0f} s. Summary: {output / 'summary.json'}", highlight=False
            )
            if keep:
                _stay(console, system)
        console.print("Everything is stopped.")


def _watched_replay(console: Console, system: System, scenes: Scenes, looks: int) -> list[Observation]:
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, TextColumn("{task.fields[last]}"), console=console) as bars:
        pushed = bars.add_task("pushed", total=looks + 1, last="")
        counted = bars.add_task("judged", total=looks, last="")

        def show(progress: ReplayProgress) -> None:
            bars.update(pushed, completed=progress.pushed)
            bars.update(counted, completed=len(progress.judged), last=last_judged(progress))

        return replay(system, scenes, show)


def last_judged(progress: ReplayProgress) -> str:
    """A few words on the look that was judged last."""
    if not progress.judged:
        return ""
    look = progress.judged[-1]
    day = look["observed_at"][:10]
    return f"{day}: unobserved" if look["count"] is None else f"{day}: {look['count']:.0f} cars, {look['state']}"


def _show(console: Console, system: System, judged: list[Observation], output: Path, episode: Episode) -> None:
    rendered = {look.scene: look.cars for look in episode.looks}
    console.print(looks_table(judged, rendered))
    with httpx.Client(base_url=system.urls["alerting"], timeout=30) as alerting:
        details = alerts(alerting)
        try:
            pictures = [save_evidence(alerting, detail, output / "evidence") for detail in details]
        except httpx.HTTPError as error:
            raise RailwatchError(f"The evidence could not be fetched from alerting: {error}.") from error
    for detail, saved in zip(details, pictures, strict=True):
        print_alert(console, detail, saved)
    if not details:
        console.print("\nNo alert was raised.")
    document = summary(judged, details, rendered)
    if episode.on_facts:
        console.print(facts_table(judged, details))
        document["reports"] = [
            {"date": f"{report.on}", "low": report.low, "high": report.high, "interval": interval, "verdict": verdict}
            for report, interval, verdict in verdicts(judged, details)
        ]
    write_summary(document, output / "summary.json")


def _stay(console: Console, system: System) -> None:
    console.print("\nThe system keeps running. Ctrl-C stops it.")
    for service, url in system.urls.items():
        console.print(f"  {service:<9} {url}/openapi.json  {url}/metrics", highlight=False)
    console.print(f"  alerts page: {system.urls['alerting']}/", highlight=False)
    console.print(f"  token to push, acknowledge and silence: {system.token}", highlight=False)
    told: set[str] = set()
    try:
        while True:
            tell_faults(console, system, told)
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("Stopping ...")


def tell_faults(console: Console, system: System, told: set[str]) -> None:
    """Print what went wrong and was not told yet. What runs goes on: a refused scene costs nothing else."""
    for fault in map(str, system.faults()):
        if fault not in told:
            console.print(fault, style="red", markup=False, highlight=False)
        told.add(fault)


@contextmanager
def terminated_in_order() -> Iterator[None]:
    """SIGTERM raises SystemExit inside the block, so that everything that the block started is stopped."""

    def leave(signum: int, frame: FrameType | None) -> None:
        sys.exit(128 + signum)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
