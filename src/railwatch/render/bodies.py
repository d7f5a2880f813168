"""Put cars onto the canvas: body, couplers, and the ground that they cover."""

from collections.abc import Callable

import numpy as np

from railwatch.render import palette
from railwatch.render.canvas import (
    Array,
    Canvas,
    Frame,
    Surface,
    box_cover,
    coordinates,
    is_empty,
    ramp,
    stamp,
    tint,
    window,
)
from railwatch.render.rolling_stock import RenderedCar, Shape
from railwatch.render.shapes import FLOOR_M, SHAPES, Body


def paint_car(canvas: Canvas, car: RenderedCar, snow: float = 0.0) -> None:
    """Paint one car and its couplers onto the canvas, with a share of its top under snow."""
    half = car.length_m / 2, car.width_m / 2

    def painter(along: Array, across: Array) -> Surface:
        body = Body(
            car,
            along,
            across,
            canvas.frame.step_m,
            np.random.default_rng(car.livery),
            np.random.default_rng(car.seed),
            canvas.bands,
        )
        height, reflectance = SHAPES[car.shape](body)
        cover = box_cover(along, across, half, canvas.frame.step_m)
        if car.shape is Shape.TANK:
            frame = box_cover(along, across, (half[0], 0.35 * car.width_m), canvas.frame.step_m)
            cover = np.where(height > FLOOR_M + 0.1, cover, frame)
        if snow > 0:
            lying = ramp(body.noise(0.8), *sorted((2.5 - 5 * snow, 3.5 - 5 * snow)))
            reflectance = reflectance + lying * (tint(palette.SNOW, canvas.bands) - reflectance)
        return Surface(height, np.clip(reflectance, 0.01, 0.95), cover)

    reach = 0.62
    stamp(canvas, (car.x_m, car.y_m), car.heading_rad, (half[0] + reach, 0.3), _coupler(canvas))
    stamp(canvas, (car.x_m, car.y_m), car.heading_rad, half, painter)


def footprints(frame: Frame, cars: tuple[RenderedCar, ...]) -> Array:
    """Share of each cell of the grid, (rows, cols), that is under a car."""
    cover = np.zeros(frame.shape, np.float32)
    for car in cars:
        where = window(frame, car.outline_m(), frame.step_m)
        if is_empty(where):
            continue
        x, y = coordinates(frame, where)
        x, y = x - np.float32(car.x_m), y - np.float32(car.y_m)
        cos, sin = float(np.cos(car.heading_rad)), float(np.sin(car.heading_rad))
        under = box_cover(x * cos + y * sin, y * cos - x * sin, (car.length_m / 2, car.width_m / 2), 0.4)
        cover[where] = np.maximum(cover[where], under)
    return cover


def _coupler(canvas: Canvas) -> Callable[[Array, Array], Surface]:
    def painter(along: Array, across: Array) -> Surface:
        cover = box_cover(along, across, (1e3, 0.2), canvas.frame.step_m)
        shape = np.broadcast_shapes(along.shape, across.shape)
        steel = np.broadcast_to(tint(palette.OIL, canvas.bands), (canvas.bands, *shape)).astype(np.float32)
        return Surface(np.full(shape, 0.95, np.float32), steel, cover)

    return painter
