"""Processes that count may die, of memory, of time or of a signal. The next look is counted all the same."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.baselines import baseline_of
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.processes import Limits, Processes
from railwatch.services.detector.work import Answer, DiedError, GaveWayError, KeptGround, Look
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import DependencyAwayError, UnprocessableError
from railwatch.shared.settings import BlobSettings
from tests.support.geotiff import NoiseScene
from tests.support.rendered import FIRST_LOOK, rendered, site_of, tile_event
from tests.support.yard_looks import good_look_of, tile_of, yard

ROOMY = Limits(memory_bytes=1_500_000_000, time_s=300, max_pixels=MAX_PIXELS)
# The libraries need some 180 MB.
TIGHT = Limits(memory_bytes=500_000_000, time_s=300, max_pixels=MAX_PIXELS)


@pytest.fixture
def settings(tmp_path: Path) -> BlobSettings:
    return BlobSettings(url=f"file://{tmp_path}/blobs")


@pytest.fixture
def blobs(settings: BlobSettings) -> BlobStore:
    return BlobStore.open(settings)


@pytest.fixture
def processes(settings: BlobSettings) -> Iterator[Processes]:
    started = Processes(1, settings, ROOMY)
    yield started
    started.stop()


@pytest.fixture
def look(blobs: BlobStore) -> Look:
    return look_at(tile_event(blobs, rendered("clear").tile_file, day=0).image)


@pytest.fixture
def huge(blobs: BlobStore) -> BlobRef:
    """36 megapixels, 430 MB as the detector holds them, in a file of 8 MB."""
    scene = NoiseScene(width=6000, height=6000)
    pixels = scene.pixels()
    pixels[:, :, 200:] = 90
    return blobs.put(scene.geotiff(pixels, compress="deflate", tiled=True), "image/tiff")


def look_at(image: BlobRef) -> Look:
    site = site_of(rendered("clear"))
    (cell,) = site.cells()
    return Look(
        id="ab12",
        image=image,
        observed_at=FIRST_LOOK,
        sun=None,
        baseline=None,
        tracks=site.tracks,
        car_lengths_m=site.car_lengths_m,
        cell=cell,
        place="Yard",
        recall_share=1.0,
    )


def untimed(answer: Answer) -> tuple[object, ...]:
    return answer.count.model_copy(update={"timings_ms": {}}), answer.sun, answer.recall, answer.pictures


def children() -> list[int]:
    """The processes that count, which this process started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            mine = int(parent) == os.getpid() and b"detector.processes" in (entry / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if mine:
            found.append(int(entry.name))
    return found


def test_a_process_gives_the_same_answer_as_the_arithmetic_here(
    processes: Processes, look: Look, blobs: BlobStore
) -> None:
    assert untimed(processes.count(look)) == untimed(Answering(blobs.get, MAX_PIXELS).count(look))


def test_one_process_answers_look_after_look(processes: Processes, look: Look) -> None:
    processes.count(look)
    first = children()
    processes.count(look)
    assert len(first) == 1
    assert children() == first


def test_a_renewal_gives_way_without_an_end_of_its_process_and_is_made_when_it_may_go_on(
    processes: Processes, look: Look, blobs: BlobStore
) -> None:
    (cell,) = yard()[0].site.cells()
    kept = [good_look_of(blobs, number) for number in range(5)]
    first = baseline_of(tile_of(blobs, 0), 1, "first-good-look")
    ground = KeptGround(first, kept, yard()[0].site.tracks, cell)
    processes.start()
    with pytest.raises(GaveWayError):
        processes.renew(ground, lambda: False)
    gave_way = children()

    assert processes.count(look).count.count is not None
    assert processes.renew(ground) == Answering(blobs.get, MAX_PIXELS).renew(ground)
    assert children() == gave_way


def test_a_picture_that_cannot_be_read_is_refused_with_its_reason_and_costs_no_process(
    processes: Processes, look: Look, blobs: BlobStore
) -> None:
    processes.count(look)
    before = children()
    with pytest.raises(UnprocessableError) as refused:
        processes.check(blobs.put(b"not a picture", "image/tiff"))
    assert refused.value.reason == "format-unsupported"
    assert children() == before


def test_a_tile_that_needs_too_much_memory_ends_its_process_and_the_next_look_is_counted(
    settings: BlobSettings, huge: BlobRef, look: Look
) -> None:
    processes = Processes(1, settings, TIGHT)
    with pytest.raises(DiedError, match="more than 500 MB of memory"):
        processes.check(huge)
    assert processes.count(look).count.count is not None
    processes.stop()


def test_a_tile_that_takes_too_long_is_ended_and_the_message_says_so(settings: BlobSettings, look: Look) -> None:
    processes = Processes(1, settings, replace(ROOMY, time_s=0.01))
    with pytest.raises(DiedError, match=r"It took longer than 0\.01 s"):
        processes.count(look)
    assert children() == []


def test_a_process_that_is_killed_over_a_tile_is_named_by_its_signal_and_the_next_look_is_counted(
    processes: Processes, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.count(look)
    (pid,) = children()
    os.kill(pid, signal.SIGSTOP)  # so that it cannot answer before it is killed
    send = Connection.send

    def send_and_kill(connection: Connection, question: Look) -> None:
        send(connection, question)
        os.kill(pid, signal.SIGKILL)

    monkeypatch.setattr(Connection, "send", send_and_kill)
    with pytest.raises(DiedError, match="SIGKILL"):
        processes.count(look)

    monkeypatch.undo()
    assert processes.count(look).count.count is not None


def test_a_process_that_died_while_it_was_idle_is_replaced_unseen(processes: Processes, look: Look) -> None:
    processes.start()
    processes.count(look)
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert processes.count(look).count.count is not None


def test_a_process_has_no_passwords_of_the_service(
    processes: Processes, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAILWATCH_REDIS_PASSWORD", "do not tell")
    processes.count(look)
    (pid,) = children()
    assert b"RAILWATCH" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_where_no_process_starts_looks_wait_and_readiness_says_so(
    settings: BlobSettings, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = Processes(1, settings, ROOMY)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DependencyAwayError):
        processes.count(look)
    assert not processes.can_start()

    monkeypatch.undo()
    assert processes.count(look).count.count is not None
    assert processes.can_start()
    processes.stop()
