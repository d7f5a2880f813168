"""`python -m railwatch.demo.looks FOLDER`: the demo's place as files, for docs/walk-through.md."""

import json
import sys
from pathlib import Path

from railwatch.demo.episode import BASELINE, LOOKS, PlannedLook, render, sun_of
from railwatch.demo.yard import tumangang
from railwatch.render import geotiff
from railwatch.render.files import collection, feature

# The past: the empty yard and the first clear looks. Today: the last look of the episode.
PAST = (BASELINE, *[look for look in LOOKS if look.sky == "clear"][:12])
NOW = LOOKS[-1]


def main() -> None:
    """Writes the tracks as an extract of OpenStreetMap, a folder of past looks, and the look of today."""
    folder = Path(sys.argv[1])
    past = folder / "past"
    past.mkdir(parents=True, exist_ok=True)
    site = tumangang()
    lines = [
        feature("LineString", site.lonlat(track.drawn_m).tolist(), {"@id": f"way/{number}", "railway": "rail"})
        for number, track in enumerate(site.tracks, start=1)
    ]
    (folder / "place.geojson").write_text(json.dumps(collection(lines)))
    for look in PAST:
        (past / f"{look.scene}.tif").write_bytes(geotiff(render(look)))
        (past / f"{look.scene}.json").write_text(json.dumps(_metadata(look)))
    (folder / "now.tif").write_bytes(geotiff(render(NOW)))
    print(f"{len(PAST)} past looks are in {past}, the look of today is {folder / 'now.tif'}.")  # noqa: T201


def _metadata(look: PlannedLook) -> dict[str, object]:
    role = {"role": "baseline"} if look.role == "baseline" else {}
    return {"observed_at": look.at.isoformat(), "scene": look.scene, "sun": sun_of(look).model_dump(), **role}


if __name__ == "__main__":
    main()
