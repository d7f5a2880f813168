"""A provider's own mask comes in by every door, hides what it says, and never costs the scene."""

from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore

from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.settings import SceneSettings
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from tests.support.geotiff import NoiseScene
from tests.support.inbox import GOING_ON, METADATA
from tests.support.ingest import Desk
from tests.support.pushing import sender
from tests.support.stac_item import stac_item

SCENE = NoiseScene()


def udm2() -> bytes:
    """Cloud over the western half."""
    numbers = np.zeros((8, SCENE.height, SCENE.width), np.uint8)
    numbers[5, :, :250] = 1
    return NoiseScene(bands=8).geotiff(numbers)


def share_seen(desk: Desk) -> float:
    """The share of the only tile that the detector takes as ground."""
    (tile,) = desk.tiles
    return float(read_raster(desk.blobs.get(tile.image)).valid.mean())


def pushed(desk: Desk, *masks: tuple[str, bytes], scene: bytes | None = None) -> dict[str, Any]:
    files = [("file", ("scene.tif", scene or SCENE.geotiff())), *(("mask", mask) for mask in masks)]
    with sender(desk) as client:
        answer = client.post("/v1/scenes", files=files, data={"metadata": METADATA})
    assert answer.status_code in {200, 201}, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def test_a_mask_is_pushed_with_its_scene(desk: Desk) -> None:
    receipt = pushed(desk, ("udm2.tif", udm2()))

    assert "remarks" not in receipt
    assert 0.45 < share_seen(desk) < 0.55


def test_a_scene_with_another_mask_is_another_delivery_of_the_same_scene(desk: Desk) -> None:
    assert [pushed(desk)["published"], pushed(desk, ("udm2.tif", udm2()))["published"]] == [1, 1]
    assert pushed(desk, ("udm2.tif", udm2()))["published"] == 0
    assert {tile.scene for tile in desk.tiles} == {"S1"}


@pytest.mark.parametrize("kind", ["plain", "nodata", "mask", "alpha", "float"])
def test_a_mask_is_joined_with_what_the_scene_says(desk: Desk, kind: str) -> None:
    pixels = SCENE.pixels()
    pixels[:, :200] = 0 if kind == "nodata" else pixels[:, :200]
    top = np.full((400, 500), 255, np.uint8)
    top[:200] = 0
    files = {
        "plain": lambda: SCENE.geotiff(),
        "nodata": lambda: NoiseScene(nodata=0).geotiff(pixels),
        "mask": lambda: SCENE.geotiff(mask=top),
        "alpha": lambda: NoiseScene(bands=4).geotiff(
            np.concatenate([pixels, top[None]]), photometric="RGB", alpha="YES"
        ),
        "float": lambda: NoiseScene(dtype="float32").geotiff(np.where(top, pixels / 255, np.nan).astype(np.float32)),
    }

    pushed(desk, ("udm2.tif", udm2()), scene=files[kind]())

    assert share_seen(desk) == pytest.approx(0.5 if kind == "plain" else 0.25, abs=0.03)


def test_a_mask_that_hides_all_leaves_a_tile_that_shows_nothing(desk: Desk) -> None:
    pushed(desk, ("cloud.tif", NoiseScene(bands=1).geotiff(np.ones((1, 400, 500), np.uint8))))

    assert share_seen(desk) == 0


def test_a_mask_of_another_place_is_left_out_and_told(desk: Desk) -> None:
    elsewhere = NoiseScene(bands=1, origin=(600_000, 4_000_000)).geotiff(np.ones((1, 400, 500), np.uint8))

    receipt = pushed(desk, ("cloud.tif", elsewhere), ("junk.tif", b"junk"), ("udm2.tif", udm2()))

    first, second = receipt["remarks"]
    assert first.startswith("The mask `cloud.tif` is not used.")
    assert second.startswith("The mask `junk.tif` is not used.")
    assert desk.tiles[0].remarks == (first, second), "who looks at the count is told, too"
    assert 0.45 < share_seen(desk) < 0.55


def test_a_mask_lies_beside_its_scene_in_the_directory(desk: Desk, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name, data in (("a.tif", SCENE.geotiff()), ("a_udm2.tif", udm2()), ("a.json", METADATA.encode())):
        (inbox / name).write_bytes(data)
    watched = WatchedDirectory("directory", inbox, desk.intake())
    for _ in range(2):
        watched.poll(GOING_ON)

    assert 0.45 < share_seen(desk) < 0.55
    assert sorted(path.name for path in (inbox / "processed").iterdir()) == ["a.json", "a.tif", "a_udm2.tif"]
    assert desk.dead_letters == []


def test_polygons_beside_a_scene_are_no_mask_and_it_is_told(desk: Desk, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name, data in (("a.tif", SCENE.geotiff()), ("a_cloud.geojson", b"{}"), ("a.json", METADATA.encode())):
        (inbox / name).write_bytes(data)
    watched = WatchedDirectory("directory", inbox, desk.intake())
    for _ in range(2):
        watched.poll(GOING_ON)

    (tile,) = desk.tiles
    (remark,) = tile.remarks
    assert remark.startswith("The mask `a_cloud.geojson` is not used.")
    assert sorted(path.name for path in (inbox / "processed").iterdir()) == ["a.json", "a.tif", "a_cloud.geojson"]


def test_a_mask_lies_beside_its_scene_in_the_bucket(desk: Desk) -> None:
    store = MemoryStore()
    for name, data in (("in/a.tif", SCENE.geotiff()), ("in/a_udm2.tif", udm2()), ("in/a.json", METADATA.encode())):
        obstore.put(store, name, data)
    WatchedBucket("bucket", "s3://scenes", lambda: store, desk.intake()).poll(GOING_ON)

    assert 0.45 < share_seen(desk) < 0.55
    assert desk.dead_letters == []


CLASSES = {"classification:classes": [{"value": 7, "name": "thick cloud"}, {"value": 3, "name": "clear"}]}


def item(directory: Path, **masks: dict[str, Any]) -> dict[str, Any]:
    (directory / "scene.tif").write_bytes(SCENE.geotiff())
    return stac_item(f"file://{directory}/scene.tif", masks)


@pytest.mark.parametrize(
    ("name", "fields", "inside", "outside"),
    [
        ("ortho_udm2", {}, 1, 0),
        ("quality", {"roles": ["cloud"]}, 1, 0),
        ("quality", {"roles": ["cloud-shadow"]}, 1, 0),
        ("quality", {"roles": ["data-mask"]}, 0, 1),
        ("cloud-mask-raster", {}, 2, 1),
        ("qa", {"roles": ["cloud"], **CLASSES}, 7, 3),
        ("qa", {"roles": ["cloud"], "raster:bands": [CLASSES]}, 7, 3),
    ],
)
def test_the_masks_of_a_stac_item_are_read(
    desk: Desk, tmp_path: Path, name: str, fields: dict[str, Any], inside: int, outside: int
) -> None:
    numbers = np.full((1, 400, 500), outside, np.uint8)
    numbers[:, :, :250] = inside
    (tmp_path / "mask.tif").write_bytes(udm2() if "udm2" in name else NoiseScene(bands=1).geotiff(numbers))
    desk.limits = SceneSettings(asset_roots=(f"file://{tmp_path}",))
    document = item(tmp_path, **{name: {"href": f"file://{tmp_path}/mask.tif", "type": "image/tiff", **fields}})

    receipt = take_item(desk.intake(), document, None, "stac")

    assert receipt.remarks == ()
    assert 0.45 < share_seen(desk) < 0.55


def test_a_mask_that_is_not_there_is_told_and_costs_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.limits = SceneSettings(asset_roots=(f"file://{tmp_path}",))
    masks: dict[str, Any] = {
        "udm2": {"href": f"file://{tmp_path}/none.tif"},
        "clouds": {"href": "https://elsewhere.example/cloud.tif", "roles": ["cloud"]},
        "udm": {"href": f"file://{tmp_path}/udm.geojson", "type": "application/geo+json"},
    }

    receipt = take_item(desk.intake(), item(tmp_path, **masks), None, "stac")

    assert [remark.split(".")[0] for remark in receipt.remarks] == [
        "The mask `udm` is not used",
        "The mask `udm2` is not used",
        "The mask `clouds` is not used",
    ]
    assert desk.tiles[0].remarks == receipt.remarks
    assert share_seen(desk) == 1
