"""Sites change while a service runs: it works with what their files say now, and no bad file costs another site."""

import json
import threading
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import GenericError
from obstore.store import MemoryStore
from shapely import Point

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import LiveSites, SiteCatalogue, live
from railwatch.shared.sites.files import BucketFiles, DirectoryFiles
from railwatch.shared.sites.folder import SiteFolder
from railwatch.shared.sites.metrics import SITE_FAULTS
from tests.unit.shared.sites.test_load import GOOD, WEST_EAST, tracks_json, write_site

OTHER = GOOD.replace("id: tumangang", "id: other")
FARTHER_EAST = [[130.630, 42.415], [130.640, 42.415]]


def followed(directory: Path) -> LiveSites:
    write_site(directory, GOOD)
    return LiveSites(SiteFolder(DirectoryFiles(directory)))


def faults() -> float:
    (gauge,) = SITE_FAULTS.collect()
    return float(gauge.samples[0].value)


def test_a_new_site_is_picked_up(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    write_site(tmp_path, OTHER, name="other")
    sites.refresh()
    assert sorted(sites) == ["other", "tumangang"]


def test_changed_tracks_are_picked_up_and_other_sites_are_not_read_again(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    write_site(tmp_path, OTHER.replace("tracks.geojson", "others.geojson"), name="other")
    (tmp_path / "others.geojson").write_text(tracks_json(WEST_EAST))
    sites.refresh()
    before = sites.catalogue.sites
    (tmp_path / "others.geojson").write_text(tracks_json(FARTHER_EAST))
    sites.refresh()
    assert sites.catalogue.sites.differences(before) == ["other"]
    assert [site.id for site in sites.touching(Point(130.635, 42.415))] == ["other"]
    assert [site.id for site in sites.touching(Point(130.615, 42.415))] == ["tumangang"]


def test_nothing_is_read_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = followed(tmp_path)
    before = sites.catalogue
    monkeypatch.setattr("railwatch.shared.sites.folder.read_yaml", None)
    sites.refresh()
    assert sites.catalogue is before


def test_a_retired_site_is_not_watched_but_what_was_taken_in_of_it_is_finished(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    write_site(tmp_path, GOOD + "retired: 2026-01-31\n")
    sites.refresh()
    assert "tumangang" not in sites
    assert sites.touching(Point(130.615, 42.415)) == []
    assert sites.with_retired["tumangang"].name == "Tumangang Rail Facility"


def test_a_bad_file_costs_no_site_while_its_last_good_version_is_known(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    write_site(tmp_path, OTHER, name="other")
    (tmp_path / "yard.yaml").write_text(GOOD.replace("name:", "nam:"))
    sites.refresh()
    assert sorted(sites) == ["other", "tumangang"]
    assert f"{tmp_path}/yard.yaml:2: nam: Extra inputs are not permitted" in sites.catalogue.faults
    assert faults() == len(sites.catalogue.faults)
    (tmp_path / "yard.yaml").write_text(GOOD.replace("Facility", "Yard"))
    sites.refresh()
    assert sites["tumangang"].name == "Tumangang Rail Yard"
    assert sites.catalogue.faults == ()
    assert faults() == 0


def test_tracks_that_are_repaired_repair_their_site(tmp_path: Path) -> None:
    write_site(tmp_path, GOOD, tracks="{")
    sites = LiveSites(SiteFolder(DirectoryFiles(tmp_path)))
    assert list(sites) == []
    write_site(tmp_path, GOOD)
    sites.refresh()
    assert list(sites) == ["tumangang"]


def test_a_file_that_is_missing_for_a_moment_drops_no_site(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    path = write_site(tmp_path, OTHER, name="other")
    sites.refresh()
    path.unlink()
    sites.refresh()
    assert sorted(sites) == ["other", "tumangang"]
    sites.refresh()
    assert list(sites) == ["tumangang"]


def test_a_folder_that_is_empty_or_gone_keeps_the_last_sites(tmp_path: Path) -> None:
    directory = tmp_path / "sites"
    directory.mkdir()
    sites = followed(directory)
    for file in directory.iterdir():
        file.unlink()
    sites.refresh()
    directory.rmdir()
    sites.refresh()
    assert list(sites) == ["tumangang"]
    assert faults() == 1


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a directory"):
        LiveSites(SiteFolder(DirectoryFiles(tmp_path / "nowhere")))


def config_map(directory: Path, version: str, **files: str) -> None:
    """Writes files as kubelet does: into a folder of their own, to which one link is swapped."""
    (directory / version).mkdir(parents=True)
    for name, text in files.items():
        (directory / version / name.replace("_", ".")).write_text(text)
        link = directory / name.replace("_", ".")
        if not link.is_symlink():
            link.symlink_to(Path("..data") / link.name)
    (directory / "..data_tmp").symlink_to(version)
    (directory / "..data_tmp").rename(directory / "..data")


def test_a_config_map_is_followed_through_its_swap_of_links(tmp_path: Path) -> None:
    config_map(tmp_path, "..1", yard_yaml=GOOD, tracks_geojson=tracks_json(WEST_EAST))
    sites = LiveSites(SiteFolder(DirectoryFiles(tmp_path)))
    assert list(sites) == ["tumangang"]
    config_map(tmp_path, "..2", yard_yaml=GOOD, tracks_geojson=tracks_json(FARTHER_EAST), more_yaml=OTHER)
    sites.refresh()
    assert sorted(sites) == ["other", "tumangang"]
    assert sites["tumangang"].tracks[0].coordinates[0] == (130.63, 42.415)


def test_what_runs_over_the_sites_runs_over_those_of_one_moment(tmp_path: Path) -> None:
    sites = followed(tmp_path)
    running = iter(sites.values())
    write_site(tmp_path, GOOD + "retired: 2026-01-31\n")
    sites.refresh()
    assert [site.id for site in running] == ["tumangang"]


def test_changes_are_picked_up_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(live, "PAUSE_PER_LOOK", 0.0)
    sites = followed(tmp_path)
    seen = threading.Event()
    take = sites._take

    def taken(found: SiteCatalogue) -> None:
        take(found)
        if "other" in sites:  # a look between its two files sees one of them
            seen.set()

    monkeypatch.setattr(sites, "_take", taken)
    with sites.followed():
        write_site(tmp_path, OTHER, name="other")
        assert seen.wait(60)


def put(store: MemoryStore, **files: str) -> None:
    for name, text in files.items():
        obstore.put(store, name.replace("_", "."), text.encode())


def test_a_bucket_is_followed_and_faults_name_it() -> None:
    store = MemoryStore()
    put(store, yard_yaml=GOOD, tracks_geojson=tracks_json(WEST_EAST), bad_yaml="id: [")
    sites = LiveSites(SiteFolder(BucketFiles(store, "s3://sites/here")))
    assert list(sites) == ["tumangang"]
    assert sites.catalogue.faults[0].startswith("s3://sites/here/bad.yaml:2: not valid YAML")
    put(store, other_yaml=OTHER)
    obstore.delete(store, "bad.yaml")
    sites.refresh()
    sites.refresh()
    assert sorted(sites) == ["other", "tumangang"]
    assert sites.catalogue.faults == ()


def fetching(store: MemoryStore, monkeypatch: pytest.MonkeyPatch, away: set[str] | None = None) -> list[str]:
    """The names of objects that are fetched from now on. Those that are away cannot be."""
    fetched = list[str]()
    get = obstore.get

    def noted(at: MemoryStore, name: str, **more: Any) -> Any:
        if name in (away or ()):
            raise GenericError("The object is away.")
        if at is store:
            fetched.append(name)
        return get(at, name, **more)

    monkeypatch.setattr(obstore, "get", noted)
    return fetched


def test_only_the_objects_of_changed_sites_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    put(store, yard_yaml=GOOD, other_yaml=OTHER.replace("tracks.g", "more.g"), tracks_geojson=tracks_json(WEST_EAST))
    put(store, more_geojson=tracks_json(WEST_EAST))
    fetched = fetching(store, monkeypatch)
    sites = LiveSites(SiteFolder(BucketFiles(store, "s3://sites")))
    assert sorted(fetched) == ["more.geojson", "other.yaml", "tracks.geojson", "yard.yaml"]
    fetched.clear()
    put(store, tracks_geojson=json.dumps(json.loads(tracks_json(FARTHER_EAST))))
    sites.refresh()
    sites.refresh()
    assert sorted(fetched) == ["tracks.geojson", "yard.yaml"]
    assert sites["tumangang"].tracks[0].coordinates[0] == (130.63, 42.415)


@pytest.mark.parametrize("missing", ["yard.yaml", "tracks.geojson"])
def test_an_object_that_cannot_be_fetched_is_fetched_at_the_next_look(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, away = MemoryStore(), set[str]()
    put(store, yard_yaml=GOOD, tracks_geojson=tracks_json(WEST_EAST))
    fetching(store, monkeypatch, away)
    sites = LiveSites(SiteFolder(BucketFiles(store, "s3://sites")))
    put(store, yard_yaml=GOOD.replace("Facility", "Yard"))
    away.add(missing)
    sites.refresh()
    assert sites["tumangang"].name == "Tumangang Rail Facility"
    assert sites.catalogue.faults == ()
    away.clear()
    sites.refresh()
    assert sites["tumangang"].name == "Tumangang Rail Yard"
