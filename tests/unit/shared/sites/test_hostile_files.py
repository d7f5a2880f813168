"""Site files of any content: a broken one is named, with its line, and the others go on."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from railwatch.shared.sites import load_sites
from railwatch.shared.sites.document import MAX_BYTES
from tests.unit.shared.sites.test_load import GOOD, WEST_EAST, tracks_json, write_site

LONG = "9" * 5_000


def beside_a_good_one(directory: Path, yaml: str | bytes, tracks: str | None = None) -> list[str]:
    """The faults of a site file beside that of a good site, which is loaded."""
    write_site(directory, GOOD.replace("id: tumangang", "id: good"), name="good")
    (directory / "a-bad.yaml").write_bytes(yaml.encode() if isinstance(yaml, str) else yaml)
    if tracks is not None:
        (directory / "bad.geojson").write_text(tracks)
    catalogue = load_sites(directory)
    assert list(catalogue.sites) == ["good"]
    return [fault.removeprefix(f"{directory}/") for fault in catalogue.faults]


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        (GOOD.replace("2023-09-13", "2023-02-30"), "a-bad.yaml:6: not valid YAML: 2023-02-30 is no timestamp: day is"),
        (GOOD.replace("2023-09-13", "2023-09-13T25:00:00Z"), "a-bad.yaml:6: not valid YAML: 2023-09-13T25:00:00Z is"),
        (GOOD.replace("2023-09-13", "2023-09-13 00:00:00 +99:99"), "a-bad.yaml:6: "),
        (f"{GOOD}tile_size_m: {10**400}\n", "a-bad.yaml:7: tile_size_m: "),
        (f"{GOOD}tile_size_m: -{10**400}.0\n", "a-bad.yaml:7: tile_size_m: "),
        (f"{GOOD}tile_size_m: {LONG}\n", "a-bad.yaml:7: not valid YAML: 999999"),
        (f"{GOOD}car_lengths_m: [{LONG}, 1]\n", "a-bad.yaml:7: not valid YAML: 999999"),
        (f"{GOOD}tile_size_m: !!int x\n", "a-bad.yaml:7: not valid YAML: x is no int"),
        (f"{GOOD}tile_size_m: !!timestamp x\n", "a-bad.yaml:7: not valid YAML: x is no timestamp"),
        (f"{GOOD}tile_size_m: !!python/object:os.system x\n", "a-bad.yaml:7: not valid YAML: could not determine"),
        (f"{GOOD}? [a]\n: b\n", "a-bad.yaml:7: not valid YAML: found unhashable key"),
        (f"{GOOD}\nx: \x01\n", "a-bad.yaml:8: not valid YAML: "),
        (f"{GOOD}area: {'[' * 100_000}\n", "a-bad.yaml:7: nested deeper than 64 levels"),
        (f"{GOOD}area: {'{a: ' * 100_000}\n", "a-bad.yaml:7: nested deeper than 64 levels"),
        ("- " * 100_000, "a-bad.yaml:1: nested deeper than 64 levels"),
        (GOOD.encode() + b"x: \xff\n", "a-bad.yaml:1: cannot be read: not UTF-8 text"),
        (GOOD.replace("tracks.geojson", "/dev/zero"), "/dev/zero:1: cannot be read: "),
        (GOOD.replace("tracks.geojson", "."), ":1: cannot be read: "),
        (b"", "a-bad.yaml:1: "),
        (b"\0" * 100, "a-bad.yaml:1: "),
    ],
)  # fmt: skip
def test_a_broken_yaml_is_named_with_its_line(tmp_path: Path, yaml: str | bytes, fault: str) -> None:
    faults = beside_a_good_one(tmp_path, yaml)
    assert any(fault in found for found in faults), faults


GOOD_TRACKS = tracks_json(WEST_EAST)


@pytest.mark.parametrize(
    ("tracks", "fault"),
    [
        (GOOD_TRACKS.replace("130.62", LONG), "bad.geojson:17: not valid JSON: a number has more than 309 digits"),
        (GOOD_TRACKS.replace("130.62", str(10**400)), "bad.geojson:17: not valid JSON: a number has"),
        (GOOD_TRACKS.replace("130.62", "1e400"), "bad.geojson:"),
        (GOOD_TRACKS.replace("130.62", "NaN"), "bad.geojson:"),
        (GOOD_TRACKS.replace("130.62", "-Infinity"), "bad.geojson:"),
        ("[" * 200_000, "bad.geojson:1: nested deeper than 64 levels"),
        ('{"a":' * 200_000, "bad.geojson:1: nested deeper than 64 levels"),
        (json.dumps({"type": "\ud800\U0001f600", "features": 5}), "bad.geojson:1: "),
        (GOOD_TRACKS.replace("LineString", "\\ud800"), "bad.geojson:"),
    ],
)
def test_broken_tracks_are_named_with_their_file(tmp_path: Path, tracks: str, fault: str) -> None:
    faults = beside_a_good_one(tmp_path, GOOD.replace("tracks.geojson", "bad.geojson"), tracks)
    assert any(found.startswith(fault) for found in faults), faults


def test_a_file_is_only_so_long(tmp_path: Path) -> None:
    faults = beside_a_good_one(tmp_path, GOOD + "#" * MAX_BYTES)
    assert faults == [f"a-bad.yaml:1: cannot be read: longer than {MAX_BYTES} bytes"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.geojson")
    faults = beside_a_good_one(tmp_path, GOOD.replace("tracks.geojson", "pipe.geojson"))
    assert faults == ["pipe.geojson:1: cannot be read: not a file"]


def test_a_fault_of_our_own_costs_no_other_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_site(tmp_path, GOOD)
    write_site(tmp_path, GOOD.replace("id: tumangang", "id: bad"), name="bad")
    from railwatch.shared.sites import folder
    from railwatch.shared.sites.load import site_in

    def broken(document: Any) -> Any:
        if document.path.stem == "bad":
            raise ZeroDivisionError
        return site_in(document)

    monkeypatch.setattr(folder, "site_in", broken)
    catalogue = load_sites(tmp_path)
    assert list(catalogue.sites) == ["tumangang"]
    assert [fault.partition(": ")[2] for fault in catalogue.faults] == ["cannot be used: ZeroDivisionError: "]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(line=st.text(max_size=60))
def test_a_line_of_any_content_stops_nothing(tmp_path: Path, line: str) -> None:
    write_site(tmp_path, GOOD, name="good")
    text = GOOD.replace("id: tumangang", "id: other") + line
    (tmp_path / "other.yaml").write_bytes(text.encode(errors="surrogatepass"))
    assert "tumangang" in load_sites(tmp_path).sites
