from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.scenes.tiling import Tile, cut, cutouts
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import PixelGrid
from railwatch.shared.sites import Site, load_sites
from tests.support.geotiff import NoiseScene, read_tile, write_site

LIMITS = SceneSettings()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "sites").mkdir()
    return load_sites(write_site(tmp_path / "sites")).sites["yard"]


@pytest.fixture
def tiles(tmp_path: Path, site: Site) -> Callable[[bytes], list[Tile]]:
    def of(data: bytes) -> list[Tile]:
        path = tmp_path / "scene.tif"
        path.write_bytes(data)
        with open_scene(path, LIMITS) as scene:
            return list(cut(scene, cutouts(scene, site)))

    return of


def test_a_tile_holds_its_cell_and_margin_pixel_for_pixel(site: Site, tiles: Callable[[bytes], list[Tile]]) -> None:
    look = NoiseScene(width=800, height=700, origin=(467_800, 4_696_200))
    (tile,) = tiles(look.geotiff())
    pixels, profile = read_tile(tile.data)
    transform = profile["transform"]
    column, row = round((transform.c - look.origin[0]) / 0.5), round((look.origin[1] - transform.f) / 0.5)
    assert np.array_equal(pixels, look.pixels()[:, row : row + profile["height"], column : column + profile["width"]])
    left, bottom, right, top = site.cells()[0].bounds_m
    assert transform.c <= left - 50 < transform.c + 1
    assert transform.f >= top + 50 > transform.f - 1
    assert (profile["width"] * 0.5, profile["height"] * 0.5) == pytest.approx(
        (right - left + 100, top - bottom + 100), abs=1
    )
    assert tile.gsd_m == pytest.approx(0.5, rel=0.001)


def test_a_tile_ends_where_the_scene_ends(tiles: Callable[[bytes], list[Tile]]) -> None:
    (tile,) = tiles(NoiseScene(width=200, height=400).geotiff())
    _, profile = read_tile(tile.data)
    assert profile["transform"].c + profile["width"] * 0.5 == 467_900 + 100


def test_the_same_scene_gives_the_same_bytes(tiles: Callable[[bytes], list[Tile]]) -> None:
    data = NoiseScene().geotiff()
    assert tiles(data) == tiles(data)
    # Compression and layout of the sender's file do not matter, its pixels do.
    assert tiles(NoiseScene().geotiff(compress="lzw", tiled=True)) == tiles(data)
    assert tiles(NoiseScene(seed=2).geotiff()) != tiles(data)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_no_data_stays_no_data(tiles: Callable[[bytes], list[Tile]], dtype: str) -> None:
    look = NoiseScene(dtype=dtype, nodata=0)
    pixels = look.pixels()
    pixels[:, :, 250:] = 0
    (tile,) = tiles(look.geotiff(pixels))
    found, profile = read_tile(tile.data)
    assert (profile["nodata"], profile["dtype"]) == (0, dtype)
    assert (found == 0).any()


def test_an_alpha_band_stays_alpha(tiles: Callable[[bytes], list[Tile]]) -> None:
    (tile,) = tiles(NoiseScene(bands=4).geotiff(photometric="RGB", alpha="YES"))
    with rasterio.MemoryFile(tile.data) as memory, memory.open() as dataset:
        assert dataset.colorinterp[3].name == "alpha"


@pytest.mark.parametrize("fill", [0.0, float("nan")])
def test_a_tile_without_a_valid_pixel_is_left_out(tiles: Callable[[bytes], list[Tile]], fill: float) -> None:
    look = NoiseScene(dtype="float32", nodata=0)
    assert tiles(look.geotiff(np.full((3, 400, 500), fill, np.float32))) == []


def test_a_truncated_file_is_found_by_reading_it(tiles: Callable[[bytes], list[Tile]]) -> None:
    for data in (NoiseScene().geotiff(), NoiseScene().geotiff(compress="deflate", tiled=True)):
        with pytest.raises(UnprocessableError) as refused:
            tiles(data[: len(data) // 2])
        assert refused.value.reason == "decode-failed"


def test_a_scene_beside_the_tracks_covers_no_cell(tiles: Callable[[bytes], list[Tile]]) -> None:
    # It shows the site's northern margin, but nothing of a track.
    assert tiles(NoiseScene(height=60).geotiff()) == []


def test_a_bigger_site_is_cut_into_its_cells(tmp_path: Path) -> None:
    sites = tmp_path / "sites"
    sites.mkdir()
    site = load_sites(
        write_site(sites, ((75, 100), (700, 100)), yaml="id: yard\nname: Y\ntracks: yard.geojson\ntile_size_m: 250\n")
    ).sites["yard"]
    path = tmp_path / "scene.tif"
    path.write_bytes(NoiseScene(width=960).geotiff())
    with open_scene(path, LIMITS) as scene:
        found = list(cut(scene, cutouts(scene, site)))
    assert [cell.id for cell in site.cells()] == ["r0c0", "r0c1", "r0c2"]
    assert [tile.cell for tile in found] == ["r0c0", "r0c1"]


def test_a_tile_that_no_detector_takes_is_refused_with_what_to_do(tmp_path: Path) -> None:
    sites = tmp_path / "sites"
    sites.mkdir()
    site = load_sites(write_site(sites, ((75, 100), (700, 100)), ((75, 700), (700, 700)))).sites["yard"]
    fine = NoiseScene(width=8000, height=8000, bands=1, gsd=0.1)
    path = tmp_path / "scene.tif"
    path.write_bytes(fine.geotiff(np.full((1, fine.height, fine.width), 90, np.uint8), compress="deflate", tiled=True))
    with open_scene(path, LIMITS) as scene, pytest.raises(UnprocessableError, match="`tile_size_m`") as refused:
        list(cut(scene, cutouts(scene, site)))
    assert refused.value.reason == "tile-too-large"


def test_a_rotated_scene_is_cut_by_its_own_grid(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "scene.tif"
    path.write_bytes(NoiseScene(width=700, height=700).geotiff())
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = Affine.translation(467_900, 4_696_150) @ Affine.rotation(-20) @ Affine.scale(0.5, -0.5)
    with open_scene(path, LIMITS) as scene:
        (tile,) = cut(scene, cutouts(scene, site))
        lons, lats = np.array(site.cells()[0].polygon.exterior.coords).T
        with rasterio.MemoryFile(tile.data) as memory, memory.open() as dataset:
            columns, rows = PixelGrid(dataset.transform, dataset.crs).to_pixels(lons, lats)
            inside: Any = (columns >= 0) & (columns <= dataset.width) & (rows >= 0) & (rows <= dataset.height)
    assert inside.all()
    assert tile.gsd_m == pytest.approx(0.5, rel=0.001)
