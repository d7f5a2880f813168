"""Scenes that Railwatch finds in a watched directory."""

import errno
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.shared.errors import NotPublishedError
from railwatch.shared.events import DeadLetter, Event
from tests.support.geotiff import NoiseScene
from tests.support.inbox import GOING_ON, METADATA, files, lay, poll_twice
from tests.support.ingest import Desk


def test_a_scene_in_the_directory_is_published_and_put_away(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert [(tile.scene, tile.source) for tile in desk.tiles] == [("S1", "directory")]
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]


def test_a_file_that_still_grows_is_left_alone(desk: Desk, inbox: Path) -> None:
    watched = WatchedDirectory("directory", inbox, desk.intake())
    data = NoiseScene().geotiff()
    for end in (1000, 2000, len(data)):
        lay(inbox, data=data[:end])
        watched.poll(GOING_ON)
    assert desk.published == []
    watched.poll(GOING_ON)
    assert len(desk.tiles) == 1


@pytest.mark.parametrize("linked", ["a.tif", "a.json"])
def test_a_link_out_of_the_directory_is_not_followed(desk: Desk, inbox: Path, tmp_path: Path, linked: str) -> None:
    lay(inbox)
    (inbox / linked).rename(tmp_path / linked)
    (inbox / linked).symlink_to(tmp_path / linked)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert desk.tiles == []
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    assert (tmp_path / linked).is_file()


def test_a_bad_scene_is_put_aside_with_its_reason(desk: Desk, inbox: Path) -> None:
    lay(inbox, "bad", data=b"not a picture")
    lay(inbox, "good")
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert len(desk.tiles) == 1
    (letter,) = desk.dead_letters
    assert (letter.reason, letter.subject) == ("format-unsupported", "bad.tif")
    problem = json.loads((inbox / "rejected" / "bad.tif.problem.json").read_text())
    assert problem == {"reason": "format-unsupported", "detail": letter.detail}
    assert files(inbox / "rejected") == ["bad.json", "bad.tif", "bad.tif.problem.json"]


def test_metadata_of_gigabytes_are_not_read(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    os.truncate(inbox / "a.json", 4 * 1024**3)
    tracemalloc.start()
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [letter.reason for letter in desk.dead_letters] == ["metadata-invalid"]
    assert peak_bytes < 20 * 1024**2


@pytest.mark.parametrize(("missing", "reason"), [("a.json", "metadata-missing"), ("a.tif", "file-missing")])
def test_a_file_without_its_partner_waits_and_is_refused_in_the_end(
    desk: Desk, inbox: Path, missing: str, reason: str
) -> None:
    lay(inbox)
    (inbox / missing).unlink()
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert desk.published == []
    poll_twice(WatchedDirectory("directory", inbox, desk.intake(), partner_within_s=0))
    assert [letter.reason for letter in desk.dead_letters] == [reason]
    assert [name for name in files(inbox) if not name.startswith("rejected/")] == []


def test_scenes_wait_for_the_broker_in_order(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    publish = desk.publish

    def trying(*events: Event) -> None:
        tried.extend(getattr(event, "scene", "bad") for event in events)
        publish(*events)

    monkeypatch.setattr(desk, "publish", trying)
    watched = WatchedDirectory("directory", inbox, desk.intake())
    lay(inbox)
    lay(inbox, "bad", data=b"not a picture")
    lay(inbox, "c", data=NoiseScene(seed=2).geotiff(), metadata=METADATA.replace("S1", "S2"))
    desk.broker_is_away = True
    watched.poll(GOING_ON)
    for _ in range(2):
        with pytest.raises(NotPublishedError):
            watched.poll(GOING_ON)
    assert len([name for name in files(inbox) if "/" not in name]) == 6
    assert tried == ["S1", "S1"], "the others would fare the same"
    desk.broker_is_away = False
    watched.poll(GOING_ON)
    assert tried[2:] == ["S1", "bad", "S2"]


def test_a_crash_before_putting_away_publishes_nothing_twice(desk: Desk, inbox: Path) -> None:
    lay(inbox)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    for name in ("a.tif", "a.json"):
        (inbox / "processed" / name).rename(inbox / name)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert len(desk.tiles) == 1
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]


@pytest.mark.parametrize("moved_before_the_crash", [[], ["a.tif"]])
@pytest.mark.parametrize("marker", [".processed/a.json", "a.json.processed"])
def test_a_crash_while_putting_away_is_made_up_for(
    desk: Desk, inbox: Path, moved_before_the_crash: list[str], marker: str
) -> None:
    lay(inbox)
    for name in ("processed", ".processed"):
        (inbox / name).mkdir()
    (inbox / "a.json").rename(inbox / marker)
    for name in moved_before_the_crash:
        (inbox / name).rename(inbox / "processed" / name)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake(), partner_within_s=0))
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]
    assert desk.published == []


def test_a_fault_of_our_own_puts_the_scene_aside(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("railwatch.services.ingest.scenes.intake.cutouts", broken)
    lay(inbox)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert [letter.reason for letter in desk.dead_letters] == ["internal-error"]
    assert "ZeroDivision" not in desk.dead_letters[0].detail


@pytest.mark.parametrize("length", [200, 246, 250, 255])
@pytest.mark.parametrize("letter", ["a", "å"])
def test_a_long_name_is_taken_or_refused_and_blocks_nothing(desk: Desk, inbox: Path, length: int, letter: str) -> None:
    stem = letter * ((length - 5) // len(letter.encode()))
    for suffix, data in ((".tif", NoiseScene().geotiff()), (".json", METADATA.encode())):
        (inbox / f"{stem}{suffix}").write_bytes(data)
    (inbox / f"{stem[:-1]}b.tif").write_bytes(b"not a picture")
    (inbox / f"{stem[:-1]}b.json").write_text(METADATA)
    lay(inbox, "z", metadata=json.dumps({"observed_at": "2023-10-06T02:11:00Z", "scene": "S2"}))
    watched = WatchedDirectory("directory", inbox, desk.intake())
    for _ in range(4):
        watched.poll(GOING_ON)
    assert {tile.scene for tile in desk.tiles} == {"S1", "S2"}
    assert [letter.reason for letter in desk.dead_letters] == ["format-unsupported"]
    assert [name for name in files(inbox) if "/" not in name] == []
    (problem,) = [name for name in files(inbox / "rejected") if name.endswith(".problem.json")]
    assert problem.startswith(stem[:40])


def test_a_name_that_is_not_utf_8_is_taken_or_refused_in_clean_words(desk: Desk, inbox: Path) -> None:
    for stem, data in ((b"a\xff", NoiseScene().geotiff()), (b"b\xff\n", b"not a picture")):
        (inbox / os.fsdecode(stem + b".tif")).write_bytes(data)
        (inbox / os.fsdecode(stem + b".json")).write_text(METADATA)
    poll_twice(WatchedDirectory("directory", inbox, desk.intake()))
    assert [tile.scene for tile in desk.tiles] == ["S1"]
    (letter,) = desk.dead_letters
    assert letter.reason == "format-unsupported"
    assert DeadLetter.model_validate_json(letter.model_dump_json()).subject == "b\\udcff .tif"
    assert [name for name in files(inbox) if "/" not in name] == []


def test_a_file_that_the_system_refuses_is_told_once(desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(inbox, "a")
    lay(inbox, "b")
    opened = Path.open

    def refusing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a.tif":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **options)

    def immovable(path: Path, target: Path) -> Path:
        if path.name.startswith("a."):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        path.rename(target)
        return target

    monkeypatch.setattr(Path, "open", refusing)
    monkeypatch.setattr(Path, "replace", immovable)
    watched = WatchedDirectory("directory", inbox, desk.intake())
    with capture_logs() as lines:
        for _ in range(5):
            watched.poll(GOING_ON)
    assert [letter.reason for letter in desk.dead_letters] == ["file-refused"]
    assert len(desk.tiles) == 1
    assert len([line for line in lines if line["log_level"] == "warning" and "a." in line["subject"]]) <= 3
    monkeypatch.undo()
    watched.poll(GOING_ON)
    assert files(inbox) == [
        "processed/b.json",
        "processed/b.tif",
        "rejected/a.json",
        "rejected/a.tif",
        "rejected/a.tif.problem.json",
    ]


def test_a_scene_that_cannot_be_put_away_is_taken_once(
    desk: Desk, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(inbox)
    taken: list[Path] = []
    take = Intake.take

    def counted(intake: Intake, path: Path, *arguments: Any) -> Any:
        taken.append(path)
        return take(intake, path, *arguments)

    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Intake, "take", counted)
    watched = WatchedDirectory("directory", inbox, desk.intake())
    with monkeypatch.context() as away:
        away.setattr(Path, "rename", full)
        for _ in range(5):
            watched.poll(GOING_ON)
    assert len(taken) == 1
    watched.poll(GOING_ON)
    assert files(inbox) == ["processed/a.json", "processed/a.tif"]
