"""A renderer of rail yards: pairs of pictures (baseline and tile) with the truth of every car.

It serves training and tests. It does not show how accurate counts are on real pictures. No service imports it.

    import numpy as np
    from railwatch.render import random_scene, render_pair, write_pair

    spec = random_scene(np.random.default_rng(7), condition="snow", gsd_m=0.5, size_px=640)
    pair = render_pair(spec)
    pair.tile.pixels            # (bands, rows, cols), uint8 or uint16
    pair.tile.count             # cars whose centre is in the tile
    pair.tile.cars              # CarTruth: car (track, along_m, length_m, shape, tarped), outline_m, visible
    pair.tile.tracks_m["T01"]   # true centreline as it appears in the tile, local metres (x east, y south)
    pair.tile.visible           # (rows, cols), neither cloud nor missing data
    pair.tile.site.transform    # affine, pixel to UTM; .crs; .frame.gsd_m
    pair.baseline               # the same for the baseline, which is misregistered to the tile by
    pair.baseline.look.sensor.geolocation  # dx_px, dy_px, rotation_deg, scale
    spec.site.tracks[0].drawn_m # the centreline as a user drew it
    write_pair(pair, directory) # tile.tif, baseline.tif, tracks.geojson, cars.geojson, truth.json

Local metres have their origin at the picture's upper left corner, so pixel = metres / gsd. The tile's georeference is
correct; the baseline is off by its `geolocation`. For several looks at one yard call `site_ground` once, then
`render_look` for each.

The steps: the ground is painted as reflectance on a grid two or three times finer than the picture. Cars and
structures are added as relief and reflectance. Sun, sky, shadow, slope and lean follow from the relief. Then come
optics, sampling, cloud, haze, noise, tone and coding. All chance comes from seeds: the same spec gives the same pixels.
"""

from railwatch.render.conditions import CONDITIONS, random_scene
from railwatch.render.files import cars_geojson, geotiff, tracks_geojson, write_pair
from railwatch.render.rendering import render_look, render_pair, site_ground
from railwatch.render.scene import (
    CarTruth,
    Picture,
    RenderedLook,
    RenderedPair,
    RenderedSite,
    SceneSpec,
)

__all__ = [
    "CONDITIONS",
    "CarTruth",
    "Picture",
    "RenderedLook",
    "RenderedPair",
    "RenderedSite",
    "SceneSpec",
    "cars_geojson",
    "geotiff",
    "random_scene",
    "render_look",
    "render_pair",
    "site_ground",
    "tracks_geojson",
    "write_pair",
]
