"""A composite of five looks: `python -m tests.benchmarks.five_looks --out docs/images/method-baselines.webp`.

Five rendered looks at a yard, each with other cars, are counted one after the other and merged. It prints how a sixth
look is counted against the first look, the composite, and the true empty ground, and draws these if asked to.
"""

import argparse
import io
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from railwatch.services.detector.composites.looks import good_look
from railwatch.services.detector.composites.measure import coverage
from railwatch.services.detector.composites.merging import merge
from railwatch.services.detector.composites.renewing import without_cars
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.shared.counts import BlobRef
from tests.support.yard_year import YardYear, YearLook, yard_year

SEED = 31
SIZE_PX = 400


def main() -> None:
    """Prints the counts, and draws the three baselines if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="the picture")
    out = parser.parse_args().out
    year = yard_year(SEED, looks=6, size_px=SIZE_PX, stay=0.0, stays_all_year=0.0, weather=("clear",))
    *looks, last = year.looks
    baselines = {
        "the first look": read_raster(looks[0].file),
        "composite of five looks": composite(year, looks),
        "empty ground, never seen": read_raster(year.empty),
    }
    (cell,) = year.site.cells()
    tile = read_raster(last.file)
    sun = sun_over(tile, last.picture.look.observed_at)
    for name, baseline in baselines.items():
        count = count_tile(tile, baseline, year.site.tracks, sun=sun, cell=cell).count
        print(f"{name}: {count.count} ({count.low} to {count.high}) of {year.cars_in(last)}")
    print(f"ground of the track: {coverage(baselines['composite of five looks'], year.site.tracks, cell):.2f}")
    if out:
        draw(baselines, out)


def composite(year: YardYear, looks: list[YearLook]) -> Raster:
    """The looks merged, without the cars that the detector finds in them."""
    (cell,) = year.site.cells()
    first, loads = None, []
    for look in looks:
        tile, at = read_raster(look.file), look.picture.look.observed_at
        count = count_tile(tile, first, year.site.tracks, sun=sun_over(tile, at), cell=cell).count
        image = BlobRef(path="", sha256="0" * 64, size_bytes=0, media_type="image/tiff")
        loads.append(partial(without_cars, tile, good_look("look", at, image, count), year.site.tracks))
        first = first or tile
    merged = merge(loads, year.site.tracks)
    if merged is None:
        raise ValueError("the looks do not fit each other")
    return merged.picture


def draw(baselines: dict[str, Raster], path: Path) -> None:
    """The pictures beside each other, each in its own contrast; ground that is not shown is red."""
    figure, axes = plt.subplots(1, len(baselines), figsize=(12, 4.4), layout="constrained")
    for axis, (name, picture) in zip(axes, baselines.items(), strict=True):
        dark, bright = np.percentile(picture.pixels[:, picture.valid], (0.5, 99.5))
        colours = np.clip((np.moveaxis(picture.pixels, 0, 2) - dark) / (bright - dark), 0, 1)
        axis.imshow(np.where(picture.valid[..., None], colours, (0.8, 0.25, 0.1)), interpolation="nearest")
        axis.set(xticks=[], yticks=[], title=name)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    Image.open(drawn).convert("RGB").save(path, quality=85)
    plt.close(figure)


if __name__ == "__main__":
    main()
