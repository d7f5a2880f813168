"""A yard like the Tumangang Rail Facility, and its site file as an operator would write it."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import shapely
import yaml
from shapely.geometry import LineString

from railwatch.render import RenderedSite, furnish
from railwatch.render.canvas import Frame, Points
from railwatch.render.files import collection, feature
from railwatch.render.ground import GroundStyle
from railwatch.render.palette import DIRT
from railwatch.render.yard import RenderedTrack, distances, lay_tracks, position

SITE = "tumangang"
NAME = "Tumangang Rail Facility"
SEED = 20231005
# Degrees. Longitude and latitude of the picture's upper left corner. The facility is at about 42.413 N, 130.61 E.
CORNER = (130.6062, 42.4144)

FRAME = Frame(size_px=(640, 1340), gsd_m=0.5, supersample=2, margin_m=14.0)
# Metres from the picture's edge to the monitored area. A tile reaches 50 m beyond the area.
AREA_MARGIN_M = 62.0

TRACKS = 10
HEADING_RAD = -0.2
SITE_FILE = {
    "id": SITE,
    "name": NAME,
    "tracks": f"{SITE}-tracks.geojson",
    "area": f"{SITE}-area.geojson",
    "car_lengths_m": [11.0, 18.0],
    "events": [{"title": "Kim-Putin meeting", "at": "2023-09-13T04:00:00Z"}],
}


@cache
def tumangang() -> RenderedSite:
    """The yard: a ladder of ten tracks, sheds, roads and trees. Cars and drawn tracks are inside the area."""
    rng = np.random.default_rng(SEED)
    laid = lay_tracks(
        rng,
        FRAME.size_m,
        "double-ended",
        TRACKS,
        curve_radius_m=2600,
        heading_rad=HEADING_RAD,
        spacing_m=4.9,
        lateral_error_m=0.6,
        gauge_m=1.52,
        throats=(0.8, 0.8),
    )
    tracks = tuple(within for track in laid if (within := _within_area(track)) is not None)
    return RenderedSite(
        frame=FRAME,
        longitude_deg=CORNER[0],
        latitude_deg=CORNER[1],
        tracks=tracks,
        ground=GroundStyle(
            ballast="granite",
            patches="brown",
            patch_share=0.25,
            between="dirt",
            dirt=DIRT[1],
            grass_share=0.55,
            weeds=0.12,
            sleeper_contrast=0.6,
            polished=0.4,
            softness=1.4,
            fields=0.8,
        ),
        roads=furnish.roads(rng, tracks, FRAME.size_m, 2),
        structures=furnish.structures(rng, tracks, FRAME.size_m, 0.9),
        overheads=furnish.overheads(rng, tracks, FRAME.size_m, electrified=False),
        seed=SEED,
    )


def write_site(directory: Path) -> None:
    """Write the files of the site: a YAML file, and GeoJSON files of the tracks and of the area."""
    directory.mkdir(parents=True, exist_ok=True)
    site = tumangang()

    def degrees(points_m: Points) -> list[list[float]]:
        return [[round(float(lon), 7), round(float(lat), 7)] for lon, lat in site.lonlat(points_m)]

    tracks = [feature("LineString", degrees(track.drawn_m), {"track": track.id}) for track in site.tracks]
    ring = np.asarray(_area().exterior.coords)
    (directory / f"{SITE}.yaml").write_text(yaml.safe_dump(SITE_FILE, sort_keys=False))
    (directory / f"{SITE}-tracks.geojson").write_text(json.dumps(collection(tracks), indent=1))
    area = [feature("Polygon", [degrees(ring)], {})]
    (directory / f"{SITE}-area.geojson").write_text(json.dumps(collection(area), indent=1))


def _area() -> shapely.Polygon:
    height, width = FRAME.size_m
    return shapely.box(AREA_MARGIN_M, AREA_MARGIN_M, width - AREA_MARGIN_M, height - AREA_MARGIN_M)


def _within_area(track: RenderedTrack) -> RenderedTrack | None:
    """The track, cut to the monitored area: its drawn line, and the stretches where cars may stand."""
    drawn = LineString(track.drawn_m).intersection(_area())
    if drawn.geom_type != "LineString" or drawn.length < 40:
        return None
    at = np.arange(0, distances(track.points_m)[-1], 1.0)
    inside = shapely.contains_xy(_area().buffer(-12), position(track.points_m, at))
    first, last = at[inside][0], at[inside][-1]
    clear = [(max(a, first), min(b, last)) for a, b in track.clear if min(b, last) > max(a, first)]
    return replace(track, drawn_m=np.asarray(drawn.coords), clear=np.array(clear).reshape(-1, 2))
