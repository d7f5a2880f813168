"""Files of a watched directory are put away: none takes another's place, and a crash in between costs nothing."""

import json
from pathlib import Path

from railwatch.services.ingest.sources.directory import WatchedDirectory
from tests.support.geotiff import NoiseScene
from tests.support.inbox import GOING_ON, files, lay, poll_twice
from tests.support.ingest import Desk


def test_files_of_one_name_are_all_kept_each_with_its_reason(desk: Desk, inbox: Path) -> None:
    watched = WatchedDirectory("directory", inbox, desk.intake())
    for data in (b"not a picture", b"nor this", NoiseScene().geotiff(), NoiseScene(seed=2).geotiff()):
        lay(inbox, data=data)
        poll_twice(watched)
    lay(inbox, metadata="{")
    poll_twice(watched)
    assert (inbox / "rejected" / "a.tif").read_bytes() == b"not a picture"
    assert (inbox / "rejected" / "2" / "a.tif").read_bytes() == b"nor this"
    reasons = [
        json.loads((inbox / "rejected" / place / "a.tif.problem.json").read_text())["reason"]
        for place in ("", "2", "3")
    ]
    assert reasons == ["format-unsupported", "format-unsupported", "metadata-invalid"]
    assert files(inbox / "processed") == ["2/a.json", "2/a.tif", "a.json", "a.tif"]
    assert len(desk.tiles) == 2


def test_a_lone_file_takes_the_place_of_no_other(desk: Desk, inbox: Path) -> None:
    watched = WatchedDirectory("directory", inbox, desk.intake(), partner_within_s=0)
    for data in (b"one", b"another"):
        (inbox / "a.tif").write_bytes(data)
        poll_twice(watched)
    assert [(inbox / "rejected" / name).read_bytes() for name in ("a.tif", "2/a.tif")] == [b"one", b"another"]


def test_a_crash_in_a_numbered_place_is_made_up_for_there(desk: Desk, inbox: Path) -> None:
    lay(inbox, data=b"one")
    watched = WatchedDirectory("directory", inbox, desk.intake())
    poll_twice(watched)
    lay(inbox, data=b"another")
    (inbox / ".rejected" / "2").mkdir()
    (inbox / "rejected" / "2").mkdir()
    (inbox / "a.json").rename(inbox / ".rejected" / "2" / "a.json")
    watched.poll(GOING_ON)
    assert [(inbox / "rejected" / name).read_bytes() for name in ("a.tif", "2/a.tif")] == [b"one", b"another"]
    assert files(inbox / ".rejected") == []
