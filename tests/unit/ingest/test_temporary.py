"""The temporary files of ingest's processes."""

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.temporary import own_temporary_directory

# Keeps a spooled scene until its input ends.
REPLICA = """
import sys
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.temporary import own_temporary_directory

with own_temporary_directory(), Spool(1000).spooled([b"a scene"], 1000) as path:
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's directory for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def replica(shared: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process of ingest, and its scene on the way in."""
    environment = {**os.environ, "TMPDIR": str(shared)}
    command = [sys.executable, "-c", REPLICA]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_what_a_killed_process_left_is_removed_by_the_next_one(shared: Path) -> None:
    with replica(shared) as (process, scene):
        assert scene.is_relative_to(shared)
        process.kill()
        process.wait()
        assert scene.exists()
    with own_temporary_directory() as own:
        assert list(shared.iterdir()) == [own]


def test_the_scenes_of_another_replica_on_the_same_machine_are_left_alone(shared: Path) -> None:
    with replica(shared) as (_, scene), own_temporary_directory() as own:
        assert scene.read_bytes() == b"a scene"
        assert not scene.is_relative_to(own)


def test_the_files_of_others_are_left_alone(shared: Path) -> None:
    kept = [shared / "railwatch-a.tif", shared / "railwatch-ingest-file", shared / "railwatch-ingest-link"]
    elsewhere = shared / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    for file in kept[:2]:
        file.touch()
    kept[2].symlink_to(elsewhere)
    with own_temporary_directory():
        assert all(file.exists() for file in [*kept, elsewhere / "kept"])


def test_nothing_is_left_at_the_end(shared: Path) -> None:
    with own_temporary_directory() as own, Spool(1000).spooled([b"a scene"], 1000) as path:
        assert path.is_relative_to(own)
    assert list(shared.iterdir()) == []


def test_where_nothing_can_be_locked_ingest_says_so_and_leaves_nothing(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.EBADF, "no locks here, as on some network disks")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OSError, match="can be locked"), own_temporary_directory():
        pass
    assert list(shared.iterdir()) == []
