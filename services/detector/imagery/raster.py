"""Georeferenced pictures, and how a baseline is brought onto a tile's grid.

Pixel coordinates are array coordinates throughout the detector: x is the column, y is the row, and (0, 0) is the centre
of the first pixel. Pixel values are digital numbers divided by the sensor's full scale: 1 is saturation.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import array_bounds
from rasterio.warp import calculate_default_transform, reproject

from railwatch.services.detector.imagery.arrays import Floats, Mask, Points
from railwatch.services.detector.imagery.scale import REFLECTANCE, Scale
from railwatch.services.detector.imagery.stored import multiplied
from railwatch.services.detector.imagery.structure import STRIP_ROWS, Blocks, on_blocks
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid, utm_zone

# Megabytes that GDAL warps at a time. So much stays in the processor's cache.
WARP_MB = 8

# Share of red, green and blue in the brightness that the eye sees (ITU-R BT.709).
LUMINANCE = (0.2126, 0.7152, 0.0722)

# Looks of one sensor in different light may be judged to have so different full scales (two bits), and no others.
ONE_SENSOR = 5.0


# Pixels of a picture on a metric grid, as a multiple of its own. Pixels may be ten times as long as wide, and turned.
MOST_RESAMPLED = 24


@dataclass(frozen=True)
class Raster:
    """A picture with square pixels and its place on Earth.

    Attributes:
        pixels: float32 (bands, rows, cols), one band or red, green, blue. 1 is full scale; 0 where not valid. They may
            be `Stored`, which is such an array to all who only read it.
        valid: bool (rows, cols), false where the provider delivered no data.
        transform: from column and row, counted from pixel corners, to the CRS.
        crs: a projected CRS.
        gsd_m: ground sample distance in true metres; metres of a CRS may be longer or shorter.
        scale: what 1 is in the file's own numbers.
        masked: bool (rows, cols), pixels that are not valid only because a mask says so. They hold a picture, such as
            that of a cloud. None where nothing was masked.
    """

    pixels: Floats
    valid: Mask
    transform: Affine
    crs: CRS
    gsd_m: float
    scale: Scale = REFLECTANCE
    masked: Mask | None = None

    @property
    def pictured(self) -> Mask:
        """(rows, cols), where there is a picture, whether its pixels may be used or not."""
        return self.valid if self.masked is None else self.valid | self.masked

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.valid.shape[0], self.valid.shape[1]

    def luminance(self) -> Floats:
        """Brightness (rows, cols): the one band, or the weighted sum of three (`LUMINANCE`)."""
        light = np.empty(self.shape, np.float32)
        for top in range(0, len(light), STRIP_ROWS):
            light[top : top + STRIP_ROWS] = luminance(self.pixels[:, top : top + STRIP_ROWS])
        return light

    def grey(self) -> "Raster":
        """The picture's brightness, as a picture of one band."""
        return replace(self, pixels=self.luminance()[None])

    @cached_property
    def blocks(self) -> Blocks:
        """Brightness on blocks of ground."""
        return on_blocks(lambda rows: luminance(self.pixels[:, rows]), self.shape[0], self.gsd_m)

    def to_lonlat(self, xy_px: Points) -> Points:
        """Longitude and latitude (n, 2) of pixel coordinates (n, 2)."""
        return np.column_stack(self.grid.to_lon_lat(*(xy_px + 0.5).T))

    def to_pixels(self, lonlat: Points) -> Points:
        """Pixel coordinates (n, 2) of longitudes and latitudes (n, 2); infinite where the CRS does not reach."""
        return np.column_stack(self.grid.to_pixels(*lonlat.T)) - 0.5

    @cached_property
    def grid(self) -> PixelGrid:
        """Where the pixels are on Earth."""
        return PixelGrid(self.transform, self.crs)


def luminance(pixels: Floats) -> Floats:
    """Brightness (rows, cols) of pixels (1 | 3, rows, cols)."""
    if len(pixels) == 1:
        first: Floats = pixels[0]
        return first
    return (np.array(LUMINANCE, np.float32) @ pixels.reshape(3, -1)).reshape(pixels.shape[1:])


def on_scale_of(baseline: Raster, tile: Raster, *, in_place: bool = False) -> Raster:
    """The baseline on the tile's scale, where both were only judged from the brightest ground of one sensor's looks.

    Args:
        baseline: the baseline.
        tile: the tile.
        in_place: whether the baseline's own pixels may be changed.
    """
    factor = baseline.scale.full / tile.scale.full
    if not (baseline.scale.judged and tile.scale.judged and 1 / ONE_SENSOR < factor < ONE_SENSOR):
        return baseline
    pixels = multiplied(baseline.pixels, factor, in_place=in_place)
    return replace(baseline, pixels=pixels, scale=tile.scale)


def harmonise(baseline: Raster, tile: Raster) -> Raster:
    """The baseline on the tile's grid, by georeference alone. Size, GSD, CRS and number of bands then agree.

    Resampling is cubic and anti-aliased. A baseline that is already on the grid is returned as it is: doing it twice
    changes nothing. If the tile has three bands and the baseline has one, this band is used three times.
    """
    pixels = baseline.pixels
    if len(pixels) != len(tile.pixels):
        pixels = baseline.luminance()[None] if len(tile.pixels) == 1 else np.repeat(pixels, len(tile.pixels), axis=0)
    same_grid = (
        baseline.shape == tile.shape
        and baseline.crs == tile.crs
        and baseline.transform.almost_equals(tile.transform, precision=1e-9)
    )
    if same_grid and pixels is baseline.pixels:
        return baseline
    if same_grid:
        return Raster(pixels, baseline.valid, tile.transform, tile.crs, tile.gsd_m)
    pixels, valid = resample(pixels, baseline.valid, baseline.grid, tile.grid, tile.shape)
    return Raster(pixels, valid, tile.transform, tile.crs, tile.gsd_m)


def north_px(raster: Raster) -> Points:
    """Unit vector (x, y) in pixel coordinates that points to true north at the picture's centre."""
    rows, cols = raster.shape
    centre = raster.to_lonlat(np.array([[cols / 2, rows / 2]]))
    step = raster.to_pixels(centre + np.array([[0.0, 1e-4]])) - raster.to_pixels(centre)
    return np.asarray(step[0] / np.hypot(*step[0]))


def on_metric_grid(pixels: Floats, valid: Mask, grid: PixelGrid, gsd_m: float) -> Raster:
    """A picture resampled to square, north-up pixels of `gsd_m` in the UTM zone of its centre."""
    rows, cols = valid.shape
    (lon,), (lat,) = grid.to_lon_lat(np.array([cols / 2]), np.array([rows / 2]))
    utm = CRS.from_string(utm_zone(lon, lat))
    bounds = array_bounds(rows, cols, grid.transform)
    transform, width, height = calculate_default_transform(grid.crs, utm, cols, rows, *bounds, resolution=gsd_m)
    if min(width, height) < 1 or width * height > MOST_RESAMPLED * rows * cols:
        problem = f"The raster would be {width} x {height} pixels on a metric grid; check its CRS and its geotransform."
        raise UnprocessableError("crs-unusable", problem)
    pixels, valid = resample(pixels, valid, grid, PixelGrid(transform, utm), (height, width))
    return Raster(pixels, valid, transform, utm, gsd_m)


def resample(
    pixels: Floats, valid: Mask, source: PixelGrid, target: PixelGrid, shape: tuple[int, int]
) -> tuple[Floats, Mask]:
    """Pixels (bands, rows, cols) and validity on another grid of some shape (rows, cols), cubic and anti-aliased.

    A pixel is valid if all pixels that it is interpolated from are valid. Validity is resampled as one more band: it is
    several times faster than GDAL's own handling of no-data. It is done band by band, to keep memory low.
    """

    def onto(band: Floats, resampled: Floats) -> None:
        reproject(
            band,
            resampled,
            src_transform=source.transform,
            src_crs=source.crs,
            dst_transform=target.transform,
            dst_crs=target.crs,
            resampling=Resampling.cubic,
            init_dest_nodata=False,
            warp_mem_limit=WARP_MB,
        )

    known = np.zeros(shape, dtype=np.float32)
    onto(valid.astype(np.float32), known)
    seen: Mask = np.abs(known - 1) < 0.01
    moved = np.zeros((len(pixels), *shape), dtype=np.float32)
    for band, resampled in zip(pixels, moved, strict=True):
        onto(band, resampled)
        np.copyto(resampled, 0, where=~seen)
    return moved, seen
