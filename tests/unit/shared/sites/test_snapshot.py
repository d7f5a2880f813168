"""Sites are kept over restarts as they were read. What has not changed is not read again, and nothing old is used."""

from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore

from railwatch.shared.sites import LiveSites, Site, folder, snapshot
from railwatch.shared.sites.document import Document, read_yaml
from railwatch.shared.sites.files import BucketFiles, DirectoryFiles, SiteFiles
from railwatch.shared.sites.folder import SiteFolder
from railwatch.shared.sites.snapshot import Snapshot
from tests.unit.shared.sites.test_live import FARTHER_EAST, OTHER, fetching
from tests.unit.shared.sites.test_load import GOOD, WEST_EAST, tracks_json, write_site

FULL = (
    GOOD
    + """car_lengths_m: [11.0, 18.0]
tile_size_m: 500
new_normal:
  - {at: 2024-01-31, by: ada, reason: a second yard was opened}
"""
)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr(folder, "WORTH_KEEPING", 1)
    return MemoryStore()


def started(files: Path | SiteFiles, store: ObjectStore) -> LiveSites:
    """The sites of a service that starts, and keeps them."""
    found = SiteFolder(DirectoryFiles(files) if isinstance(files, Path) else files, Snapshot(store, "here"))
    sites = LiveSites(found)
    found.keep()
    return sites


def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, no file is read."""
    monkeypatch.setattr(folder, "read_yaml", None)


def kept(store: MemoryStore) -> str:
    (found,) = obstore.list(store).collect()
    return str(found["path"])


def test_a_site_comes_back_as_it_was_read_without_its_files_being_read(
    tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(tmp_path, FULL)
    write_site(tmp_path, OTHER + "retired: 2026-01-31\n", name="other")
    write_site(tmp_path, "id: bad\n", name="bad")
    before = started(tmp_path, store)
    unread(monkeypatch)
    after = started(tmp_path, store)
    assert after["tumangang"] == before["tumangang"]
    assert all(getattr(after["tumangang"], field) for field in Site.model_fields)
    assert after.catalogue.faults == before.catalogue.faults != ()
    assert list(after.with_retired) == ["tumangang", "other"]
    assert after.listed() == before.listed()


def test_what_changed_while_no_service_ran_is_read_again(tmp_path: Path, store: MemoryStore) -> None:
    write_site(tmp_path, GOOD)
    write_site(tmp_path, OTHER, name="other")
    started(tmp_path, store)
    (tmp_path / "tracks.geojson").write_text(tracks_json(FARTHER_EAST))
    (tmp_path / "other.yaml").unlink()
    sites = started(tmp_path, store)
    assert list(sites) == ["tumangang"]
    assert sites["tumangang"].tracks[0].coordinates[0] == (130.63, 42.415)


def test_a_file_that_turned_bad_while_no_service_ran_gives_no_old_site(tmp_path: Path, store: MemoryStore) -> None:
    path = write_site(tmp_path, GOOD)
    started(tmp_path, store)
    path.write_text(GOOD.replace("name:", "nam:"))
    assert list(started(tmp_path, store)) == []


def test_of_a_bucket_only_what_changed_is_fetched(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = MemoryStore()
    for name, text in {"yard.yaml": GOOD, "tracks.geojson": tracks_json(WEST_EAST), "other.yaml": OTHER}.items():
        obstore.put(bucket, name, text.encode())
    started(BucketFiles(bucket, "s3://sites"), store)
    obstore.put(bucket, "other.yaml", OTHER.replace("Facility", "Yard").encode())
    fetched = fetching(bucket, monkeypatch)
    sites = started(BucketFiles(bucket, "s3://sites"), store)
    assert sorted(fetched) == ["other.yaml", "tracks.geojson"]
    assert [site.name for site in sites.values()] == ["Tumangang Rail Yard", "Tumangang Rail Facility"]


@pytest.mark.parametrize(
    "damaged", [lambda data: data[:-1], lambda data: data[:99] + b"!" + data[100:], lambda data: b""]
)
def test_a_damaged_snapshot_is_not_used(tmp_path: Path, store: MemoryStore, damaged: object) -> None:
    assert callable(damaged)
    write_site(tmp_path, GOOD)
    started(tmp_path, store)
    obstore.put(store, kept(store), damaged(bytes(obstore.get(store, kept(store)).bytes())))
    assert list(started(tmp_path, store)) == ["tumangang"]


def test_a_snapshot_of_other_code_is_not_used(
    tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(tmp_path, GOOD)
    started(tmp_path, store)
    before = bytes(obstore.get(store, kept(store)).bytes())
    monkeypatch.setattr(snapshot, "code_version", lambda: "another")
    assert list(started(tmp_path, store)) == ["tumangang"]
    assert bytes(obstore.get(store, kept(store)).bytes()) != before


def test_few_changes_write_no_snapshot(tmp_path: Path) -> None:
    store = MemoryStore()
    write_site(tmp_path, GOOD)
    started(tmp_path, store)
    assert obstore.list(store).collect() == []


def test_a_first_start_that_is_cut_short_goes_on_from_there(
    tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "TOGETHER", 1)
    monkeypatch.setattr(folder, "KEPT_BETWEEN", 1)
    for name in ("a", "b", "c"):
        write_site(tmp_path, GOOD.replace("tumangang", name, 1), name=name)
    read, dies_after = list[str](), 2

    def noted(path: Path) -> Document:
        if len(read) == dies_after:
            raise KeyboardInterrupt
        read.append(path.name)
        return read_yaml(path)

    monkeypatch.setattr(folder, "read_yaml", noted)
    with pytest.raises(KeyboardInterrupt):
        started(tmp_path, store)
    dies_after = -1
    read.clear()
    assert sorted(started(tmp_path, store)) == ["a", "b", "c"]
    assert read == ["c.yaml"]
