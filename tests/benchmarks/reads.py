"""What crosses the network for one site in a large scene: `make bench-ingest`.

A scene of 20,000 x 20,000 pixels lies on a server on loopback that counts what it sends. Ingest takes it, in a process
of its own whose peak of memory is read, and plain rasterio reads the same windows from the same server.
"""

import argparse
import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.windows import Window

from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.scenes.tiling import cutouts
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.sites import Site, load_sites
from tests.support.file_server import FileServer, file_server
from tests.support.geotiff import ORIGIN, UTM, write_site
from tests.support.ingest import desk_over
from tests.support.stac_item import stac_item

SIDE_PX, GSD_M, BANDS = 20_000, 0.5, 3
# The site lies so far from the scene's upper left corner, by the scene's side, and has 1.3 km of track: two cells.
PLACE = 0.4
TRACK = ((300.0, 300.0), (1500.0, 700.0))
FORMS: dict[str, dict[str, Any]] = {
    "COG, deflate, 512 px": {"driver": "COG", "compress": "deflate", "level": 1, "overviews": "NONE"},
    "tiled, JPEG, 256 px": {"driver": "GTiff", "tiled": True, "compress": "jpeg", "interleave": "pixel"},
    "tiled, not compressed, 256 px": {"driver": "GTiff", "tiled": True, "interleave": "pixel"},
    "strips, deflate": {"driver": "GTiff", "compress": "deflate", "zlevel": 1, "interleave": "pixel"},
}
# What GDAL's manual advises for COGs on servers.
GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES"}


def write_scene(path: Path, side_px: int, form: dict[str, Any]) -> None:
    """A scene of smoothed noise, which compresses about as a picture does."""
    rng = np.random.default_rng(1)
    margin_m = PLACE * side_px * GSD_M
    transform = Affine(GSD_M, 0, ORIGIN[0] - margin_m, 0, -GSD_M, ORIGIN[1] + margin_m)
    where: dict[str, Any] = {"crs": UTM, "transform": transform, "width": side_px, "height": side_px}
    plain = path.with_suffix(".plain.tif")
    with rasterio.open(plain, "w", driver="GTiff", tiled=True, count=BANDS, dtype="uint8", **where) as target:
        for row in range(0, side_px, 1024):
            rows = min(1024, side_px - row)
            noise = rng.integers(80, 160, (BANDS, 256, side_px // 4 + 1), np.uint8).repeat(4, 1).repeat(4, 2)
            target.write(noise[:, :rows, :side_px], window=Window(0, row, side_px, rows))
    options = {name: value for name, value in form.items() if name != "driver"}
    rasterio.shutil.copy(plain, path, driver=form["driver"], BIGTIFF="IF_SAFER", **options)
    plain.unlink()


def site_in(directory: Path) -> Site:
    """The site, whose files are written there."""
    directory.mkdir(exist_ok=True)
    return load_sites(write_site(directory, TRACK)).sites["yard"]


def take(url: str, directory: Path) -> dict[str, float]:
    """Ingest takes the scene."""
    desk = desk_over(directory, SceneSettings(asset_roots=(url,)))
    desk.sites = load_sites(write_site(directory / "sites", TRACK))
    receipt = take_item(desk.intake(), stac_item(f"{url}/a.tif"), None, "stac")
    return {"tiles": receipt.published}


def read_plainly(url: str, windows: Iterable[Window]) -> dict[str, float]:
    """Rasterio reads the windows, with GDAL's own reader of files on servers."""
    with rasterio.Env(**GDAL), rasterio.open(f"/vsicurl/{url}/a.tif") as dataset:
        tiles = [(dataset.read(window=window), dataset.dataset_mask(window=window)) for window in windows]
    return {"tiles": len(tiles)}


def in_a_process(server: FileServer, *arguments: str) -> dict[str, float]:
    """What another process of this module says, with what the server sent to it."""
    server.asked.clear()
    server.sent_bytes = 0
    command = [sys.executable, "-m", "tests.benchmarks.reads", "--url", server.url, *arguments]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    return {**json.loads(said), "requests": len(server.asked), "sent_mb": server.sent_bytes / 1e6}


def measure(side_px: int) -> None:
    """Prints the table."""
    print("| file | size | the windows | by | crosses | of the windows | requests | processor | peak |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, form in FORMS.items():
        with tempfile.TemporaryDirectory() as folder, file_server() as server:
            path = Path(folder, "a.tif")
            write_scene(path, side_px, form)
            site = site_in(Path(folder, "sites"))
            with open_scene(path, SceneSettings()) as scene:
                windows = [part.window for part in cutouts(scene, site)]
                in_file = sum(_size_bytes(scene.dataset, window) for window in windows)
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                server.files["/a.tif"] = cast("bytes", data)
                boxes = json.dumps([[w.col_off, w.row_off, w.width, w.height] for w in windows])
                ingest = in_a_process(server, "--directory", folder)
                plain = in_a_process(server, "--windows", boxes)
                assert ingest["tiles"] == plain["tiles"] == len(windows)
                server.files.clear()
            size = f"{path.stat().st_size / 1e6:.0f} MB | {in_file / 1e6:.2f} MB"
            for who, found in (("ingest", ingest), ("rasterio", plain)):
                print(
                    f"| {name} | {size} | {who} | {found['sent_mb']:.2f} MB | {found['sent_mb'] * 1e6 / in_file:.2f} "
                    f"| {found['requests']:.0f} | {found['cpu_s']:.2f} s | {found['peak_mb']:.0f} MB |",
                    flush=True,
                )


def _size_bytes(dataset: Any, window: Window) -> float:
    """What the pixels of a window have in the file: their share of its size."""
    return float(Path(dataset.name).stat().st_size * window.width * window.height / (dataset.width * dataset.height))


def _peak_mb() -> float:
    """The most memory that this process had. `getrusage` would count that of the parent's, too."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def main() -> None:
    """The benchmark, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side-px", type=int, default=SIDE_PX)
    parser.add_argument("--url")
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--windows", type=json.loads)
    given = parser.parse_args()
    if given.url is None:
        measure(given.side_px)
        return
    before_s = time.process_time()
    if given.directory:
        found = take(given.url, given.directory)
    else:
        found = read_plainly(given.url, [Window(*box) for box in given.windows])
    print(json.dumps({**found, "cpu_s": time.process_time() - before_s, "peak_mb": _peak_mb()}))


if __name__ == "__main__":
    main()
