"""Cars as outlines on a map, numbered along each track as on the evidence pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.products.rows import car_id
from railwatch.shared.counts import Car
from railwatch.shared.events import CountEvent
from railwatch.shared.geography import from_lon_lat, shape_from_lon_lat, to_lon_lat

# The width of a car body, metres.
CAR_WIDTH_M = 3.0

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DrawnCar:
    """A car that was counted, and where it is on a map.

    Attributes:
        id: its id, as `/v1/cars` has it.
        scene: the frame that shows it.
        tile: the tile in which it was counted.
        track: its track.
        number: its place in the order along the track, within the tile, from 1.
        car: the car.
        outline: its corners, longitude and latitude; the first again at the end.
    """

    id: str
    scene: str
    tile: str
    track: str
    number: int
    car: Car
    outline: Ring


def drawn_cars(look: SiteLook) -> list[DrawnCar]:
    """All cars of a look, each once."""
    crs = look.site.cells()[0].crs
    lines = {track.id: shape_from_lon_lat(crs, track.line) for track in look.site.tracks}
    before = {id(event): list(_cars_before(event)) for event in look.events}
    return [
        DrawnCar(
            id=car_id(found.event, found.number),
            scene=found.event.scene,
            tile=found.event.tile,
            track=found.track,
            number=found.number - before[id(found.event)][found.number] + 1,
            car=found.car,
            outline=outline_of(crs, lines.get(found.track), found.car),
        )
        for found in look.cars
    ]


def _cars_before(event: CountEvent) -> Iterator[int]:
    """For each car of a count, how many cars it has on the tracks before the car's own."""
    before = 0
    for track in event.result.tracks:
        yield from (before for _ in track.cars)
        before += len(track.cars)


def outline_of(crs: str, line: shapely.LineString | None, car: Car) -> Ring:
    """The corners of a car, longitude and latitude, the first again at the end.

    Args:
        crs: the CRS of the line, in metres.
        line: the car's track; null where the site has none.
        car: the car.
    """
    x, y = (float(value) for value in from_lon_lat(crs, np.array(car.lon), np.array(car.lat)))
    along = _direction(line, x, y) * car.length_m / 2
    across = np.array([-along[1], along[0]]) / car.length_m * CAR_WIDTH_M
    corners = np.array([x, y]) + np.array([-along - across, along - across, along + across, -along + across])
    lon, lat = to_lon_lat(crs, *np.vstack([corners, corners[:1]]).T)
    return tuple((round(float(x), 7), round(float(y), 7)) for x, y in zip(lon, lat, strict=True))


def _direction(line: shapely.LineString | None, x: float, y: float) -> NDArray[np.float64]:
    """The direction (2,) of a track beside a place; to the east where the site has no such track any more."""
    if line is None:
        return np.array([1.0, 0.0])
    at = line.project(shapely.Point(x, y))
    ends = [line.interpolate(min(max(at + step, 0.0), line.length)) for step in (-3.0, 3.0)]
    vector = np.array([ends[1].x - ends[0].x, ends[1].y - ends[0].y])
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9))


def features(cars: Sequence[DrawnCar]) -> dict[str, object]:
    """The cars as GeoJSON."""
    return {"type": "FeatureCollection", "features": [_feature(car) for car in cars]}


def _feature(drawn: DrawnCar) -> Mapping[str, object]:
    car = drawn.car
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [drawn.outline]},
        "properties": {
            "id": drawn.id,
            "scene": drawn.scene,
            "tile": drawn.tile,
            "track": drawn.track,
            "number": drawn.number,
            "lon": car.lon,
            "lat": car.lat,
            "length_m": car.length_m,
            "probability": car.probability,
            "kind": car.kind,
            "kind_probability": car.kind_probability,
        },
    }
