"""Render a look from ground, weather, bodies, light and sensor, and record the truth about the picture."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from railwatch.render import bodies, clutter, light, sensor, weather
from railwatch.render.canvas import Array, Canvas, blank
from railwatch.render.ground import Ground, dress, lay_ground
from railwatch.render.scene import CarTruth, Picture, RenderedLook, RenderedPair, RenderedSite, SceneSpec
from railwatch.render.yard import distances, position


def render_pair(spec: SceneSpec) -> RenderedPair:
    """Render the tile and the baseline of a scene. The same spec gives the same pixels."""
    bands = max(sensor.bands_needed(look.sensor.product) for look in (spec.tile, spec.baseline))
    ground = site_ground(spec.site, bands)
    return RenderedPair(spec, render_look(spec.site, spec.tile, ground), render_look(spec.site, spec.baseline, ground))


def site_ground(site: RenderedSite, bands: int = 3) -> Ground:
    """The ground of a site. All looks at the site share it."""
    return lay_ground(site.frame, site.tracks, site.ground, site.roads, site.seed, bands)


def render_look(site: RenderedSite, look: RenderedLook, ground: Ground) -> Picture:
    """Render one look at a site on its ground (from `site_ground`)."""
    rng = np.random.default_rng(look.seed)
    canvas = blank(site.frame, ground.bare.shape[0])
    sheltered = bodies.footprints(site.frame, look.departed) if look.departed else None
    dressed = dress(ground, look.greenness, look.moisture, rng, sheltered)
    canvas.reflectance[:] = weather.snow_over(ground, dressed, look.snow, rng, sheltered)
    for structure in (*site.structures, *look.parked):
        clutter.paint_structure(canvas, structure, look.greenness, look.snow.cover)
    for car in look.cars:
        bodies.paint_car(canvas, car, look.snow.on_cars)
    fine = _view(site, look, canvas)
    picture = sensor.sample(fine[: sensor.bands_needed(look.sensor.product)], site.frame, look.sensor, rng)
    sun_x, sun_y = light.towards(look.sun.azimuth_deg, site.convergence_deg)
    away = 500 / max(float(np.tan(np.radians(look.sun.elevation_deg))), 0.2) / site.frame.gsd_m
    away = min(away, 300.0)
    at_sensor, hidden, shadowed = weather.through_air(
        picture, look.haze, look.cloud, site.frame.gsd_m, (sun_y * away, sun_x * away), rng
    )
    pixels = sensor.expose(at_sensor, look.sensor, rng)
    missing = sensor.missing_data(look.sensor, site.frame.size_px)
    pixels[:, missing] = 0
    tracks_m = {track.id: look.sensor.geolocation.apparent(track.points_m, site.frame) for track in site.tracks}
    empty = Picture(pixels, ~missing, hidden, shadowed, (), tracks_m, look, site)
    return replace(empty, cars=_truths(site, look, empty))


def _view(site: RenderedSite, look: RenderedLook, canvas: Canvas) -> Array:
    """Radiance of the fine grid as the sensor sees it."""
    step = site.frame.step_m
    lit = light.direct_light(canvas.height_m, step, look.sun, site.convergence_deg)
    clutter.shade_under(site.overheads, canvas, lit, look.sun, site.convergence_deg)
    sky = _open_sky(canvas.height_m, step)
    radiance = light.shade(canvas, lit, sky, look.sun, look.sky_share, site.convergence_deg)
    sun_x, sun_y = light.towards(look.sun.azimuth_deg, site.convergence_deg)
    view_x, view_y = light.towards(look.view_azimuth_deg)
    facing = max(0.0, sun_x * view_x + sun_y * view_y)
    steep = 1 / max(float(np.tan(np.radians(look.sun.elevation_deg))), 0.3)
    wall_light = 0.5 * look.sky_share + min(1.0, facing * steep) * (1 - look.sky_share)
    leaning, _ = light.lean(canvas, radiance, look.off_nadir_deg, look.view_azimuth_deg, wall_light)
    per_metre = float(np.tan(np.radians(look.off_nadir_deg)))
    clutter.draw_over(site.overheads, site.frame, leaning, (-view_x * per_metre, -view_y * per_metre), 1.0)
    return leaning


def _open_sky(height_m: Array, step_m: float) -> Array:
    """Share of the sky that each cell sees: less beside and between bodies. Blurred relief replaces the horizon."""
    small = height_m[::4, ::4]
    around = ndimage.gaussian_filter(small, 1.8 / (4 * step_m), mode="nearest")
    spread = np.repeat(np.repeat(around, 4, axis=0), 4, axis=1)[: height_m.shape[0], : height_m.shape[1]]
    return np.asarray(np.clip(1 - 0.28 * np.clip(spread - height_m, 0, 2.8), 0.25, 1), np.float32)


def _truths(site: RenderedSite, look: RenderedLook, picture: Picture) -> tuple[CarTruth, ...]:
    height, width = site.frame.size_m
    view_x, view_y = light.towards(look.view_azimuth_deg)
    per_metre = float(np.tan(np.radians(look.off_nadir_deg)))
    truths = []
    for car in look.cars:
        lean = np.array([-view_x, -view_y]) * per_metre * car.height_m / 2
        outline = look.sensor.geolocation.apparent(car.outline_m() + lean, site.frame)
        x, y = outline.mean(axis=0)
        within = (outline[:, 0] >= 0) & (outline[:, 0] < width) & (outline[:, 1] >= 0) & (outline[:, 1] < height)
        if not within.any():
            continue
        ends = np.array([outline[:2].mean(axis=0), outline[2:].mean(axis=0)])
        axis = position(ends, np.linspace(0, distances(ends)[-1], 9))
        inside, seen = picture.seen_along(axis)
        truths.append(
            CarTruth(
                car,
                outline,
                inside=bool(0 <= x < width and 0 <= y < height),
                cut_by_edge=not bool(within.all()),
                visible=float(seen.sum() / max(1, inside.sum())),
            )
        )
    return tuple(truths)
