"""Small GeoTIFFs over a made-up site, for tests."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from railwatch.shared.geography import to_lon_lat

UTM = "EPSG:32652"
# The upper left corner of the ground that a `NoiseScene` shows, in `UTM`: 42.41 N, 128.61 E.
ORIGIN = (467_900.0, 4_696_100.0)

SITE_YAML = "id: yard\nname: Test Yard\ntracks: yard.geojson\n"


@dataclass(frozen=True)
class NoiseScene:
    """One test scene's raster: 500 x 400 px of 0.5 m by default, on the site's ground."""

    width: int = 500
    height: int = 400
    bands: int = 3
    dtype: str = "uint8"
    gsd: float = 0.5
    crs: str | None = UTM
    origin: tuple[float, float] = ORIGIN
    nodata: float | None = None
    seed: int = 1
    driver: str = "GTiff"

    def pixels(self) -> np.ndarray[Any, Any]:
        """Noise about mid-grey."""
        rng = np.random.default_rng(self.seed)
        values = rng.normal(120, 12, (self.bands, self.height, self.width)).clip(1, 255)
        return values.astype(self.dtype)

    def geotiff(
        self,
        pixels: np.ndarray[Any, Any] | None = None,
        scaling: tuple[Sequence[float], Sequence[float]] | None = None,
        mask: np.ndarray[Any, Any] | None = None,
        **profile: Any,
    ) -> bytes:
        """The look as bytes of a file.

        `scaling` is the scales and the offsets of its bands; `mask` (rows, cols) is 0 where it hides a pixel.
        """
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
            transform = Affine(self.gsd, 0, self.origin[0], 0, -self.gsd, self.origin[1])
            where = {"crs": self.crs, "transform": transform} if self.crs else {}
            with memory.open(
                driver=self.driver,
                width=self.width,
                height=self.height,
                count=self.bands,
                dtype=self.dtype,
                nodata=self.nodata,
                **where,
                **profile,
            ) as target:
                target.write(self.pixels() if pixels is None else pixels)
                if mask is not None:
                    target.write_mask(mask)
                if scaling:
                    target.scales, target.offsets = scaling
            return bytes(memory.getbuffer())


def bare_tiff(side: int) -> bytes:
    """A deflated TIFF of 138 bytes whose header claims `side` x `side` pixels in one block."""
    fields = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: 1}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + rows + struct.pack("<I", 0)


def lon_lat(east_m: float, south_m: float) -> list[float]:
    """Longitude and latitude of a place, in metres east and south of the scene's upper left corner."""
    lons, lats = to_lon_lat(UTM, np.array([ORIGIN[0] + east_m]), np.array([ORIGIN[1] - south_m]))
    return [float(lons[0]), float(lats[0])]


def write_site(
    directory: Path, *tracks: tuple[tuple[float, float], tuple[float, float]], yaml: str = SITE_YAML
) -> Path:
    """A site of straight tracks between points (metres east, metres south); by default 100 m in the middle."""
    features = [
        {
            "type": "Feature",
            "properties": {"track": f"T{number}"},
            "geometry": {"type": "LineString", "coordinates": [lon_lat(*end) for end in ends]},
        }
        for number, ends in enumerate(tracks or (((75, 100), (175, 100)),), start=1)
    ]
    name = yaml.split()[1]
    (directory / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (directory / f"{name}.yaml").write_text(yaml.replace("yard.geojson", f"{name}.geojson"))
    return directory


def read_tile(data: bytes) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """A tile's pixels and profile."""
    with MemoryFile(data) as memory, memory.open() as dataset:
        return dataset.read(), dict(dataset.profile)


def cropped(data: bytes, first: int, last: int) -> bytes:
    """The columns from `first` to before `last` of a GeoTIFF: a frame that ends there."""
    return rewritten(data, window=(first, last))


def rewritten(data: bytes, window: tuple[int, int] | None = None, turn: str = "", **profile: Any) -> bytes:
    """A GeoTIFF that shows the same in another form.

    Args:
        data: the file.
        window: first column, and one past the last; all of them without.
        turn: how rows and columns lie in the file: any of `south-up`, `mirrored`, `turned`.
        profile: how the file is written.
    """
    with MemoryFile(data) as memory, memory.open() as source:
        pixels, transform = source.read(), source.transform
        kept = {"driver": "GTiff", "crs": source.crs, "nodata": source.nodata, "dtype": source.dtypes[0]}
    if window:
        pixels, transform = pixels[:, :, slice(*window)], transform @ Affine.translation(window[0], 0)
    if "turned" in turn:
        pixels, transform = pixels.transpose(0, 2, 1), transform @ Affine(0, 1, 0, 1, 0, 0)
    if "mirrored" in turn:
        pixels, transform = pixels[:, :, ::-1], transform @ Affine(-1, 0, pixels.shape[2], 0, 1, 0)
    if "south-up" in turn:
        pixels, transform = pixels[:, ::-1], transform @ Affine(1, 0, 0, 0, -1, pixels.shape[1])
    bands, rows, cols = pixels.shape
    overviews = profile.pop("overviews", ())
    with MemoryFile() as memory:
        with memory.open(count=bands, height=rows, width=cols, transform=transform, **kept, **profile) as target:
            target.write(np.ascontiguousarray(pixels))
            if overviews:
                target.build_overviews(overviews)
        return bytes(memory.getbuffer())


def reproject(data: bytes, crs: str, gsd: float) -> bytes:
    """A GeoTIFF in another CRS; `gsd` in units of that CRS."""
    from rasterio.warp import calculate_default_transform, reproject

    with MemoryFile(data) as memory, memory.open() as source, MemoryFile() as other:
        transform, width, height = calculate_default_transform(
            source.crs, crs, source.width, source.height, *source.bounds, resolution=gsd
        )
        profile = {**source.profile, "crs": crs, "transform": transform, "width": width, "height": height}
        with other.open(**profile) as target:
            for band in range(1, source.count + 1):
                reproject(rasterio.band(source, band), rasterio.band(target, band))
        return bytes(other.getbuffer())
