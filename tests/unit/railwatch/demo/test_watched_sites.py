"""What `railwatch up` says of site files while it runs."""

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from railwatch.demo.up import WatchedSites
from railwatch.shared.sites.files import DirectoryFiles
from railwatch.shared.sites.folder import SiteFolder

TRACK = {"type": "LineString", "coordinates": [[130.61, 42.41], [130.612, 42.41]]}


def test_a_typo_is_told_once_and_so_is_its_end(tmp_path: Path) -> None:
    track = {"type": "Feature", "properties": {"track": "1"}, "geometry": TRACK}
    (tmp_path / "yard.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [track]}))
    site = tmp_path / "yard.yaml"
    console = Console(record=True, file=StringIO(), width=200)
    watched = WatchedSites(console, SiteFolder(DirectoryFiles(tmp_path)))

    def told(text: str) -> str:
        site.write_text(text)
        watched.tell()
        watched.tell()
        return console.export_text()

    assert told("id: yard\nname: Yard\ntracks: yard.geojson\n") == ""
    fault = told("id: yard\nnome: A Yard\ntracks: yard.geojson\n")
    assert fault.count("nome") == 1
    assert "yard.yaml" in fault
    assert set(watched.catalogue.sites) == {"yard"}, "the last good version stays"
    assert told("id: yard\nname: Another Yard\ntracks: yard.geojson\n") == "All site files are right again.\n"
