"""Pictures behind the tracks on the page: a GeoTIFF as an image that a browser shows, and where its corners lie."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.settings import SceneSettings
from railwatch.siting.contrast import stretched

# The longest side that browsers take as one texture, pixels. A tile of 1.1 km has 3,700 pixels of 0.3 m.
LONGEST_PX = 4096
MEDIA_TYPE = "image/webp"


@dataclass(frozen=True)
class Backdrop:
    """A picture for a map.

    Attributes:
        data: a WebP. Where there is no data, it is transparent.
        corners: longitude and latitude of its upper left, upper right, lower right and lower left corner.
    """

    data: bytes
    corners: tuple[tuple[float, float], ...]


def backdrop(path: Path, limits: SceneSettings) -> Backdrop:
    """A GeoTIFF as a backdrop, with fewer pixels if it has too many.

    Raises:
        UnprocessableError: ingest would not take it.
    """
    with open_scene(path, limits) as scene:
        dataset = scene.dataset
        scale = min(1.0, LONGEST_PX / max(dataset.width, dataset.height))
        shape = max(1, round(dataset.height * scale)), max(1, round(dataset.width * scale))
        bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
        values = dataset.read(bands, out_shape=(3, *shape)).astype(np.float32)
        valid = dataset.dataset_mask(out_shape=shape) > 0
        columns, rows = np.array([0, 1, 1, 0]) * dataset.width, np.array([0, 0, 1, 1]) * dataset.height
        lon, lat = scene.grid.to_lon_lat(columns, rows)
    light = stretched(values, valid)
    opacity = np.where(valid, np.uint8(255), np.uint8(0))
    file = io.BytesIO()
    Image.fromarray(np.dstack([light, opacity])).save(file, "WEBP", quality=82, method=1)
    return Backdrop(file.getvalue(), tuple((float(x), float(y)) for x, y in zip(lon, lat, strict=True)))
