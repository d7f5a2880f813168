"""Files that mean the same picture give `railwatch count` the same answer; what they do not show is not seen."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rasterio.io import MemoryFile

from railwatch.cli import main
from railwatch.render import write_pair
from tests.support.geotiff import rewritten
from tests.support.rendered import rendered

SAME = ("count", "low", "high", "coverage", "quality", "reasons")
FORMS = st.fixed_dictionaries(
    {
        "interleave": st.sampled_from(["pixel", "band"]),
        "compress": st.sampled_from(["none", "deflate", "lzw", "packbits", "zstd"]),
        "bigtiff": st.sampled_from(["yes", "no"]),
        "blocks": st.sampled_from([{}, {"tiled": True, "blockxsize": 128, "blockysize": 64}, {"blockysize": 7}]),
        "turn": st.sampled_from(["", "south-up", "mirrored", "turned", "turned south-up", "turned mirrored south-up"]),
        "overviews": st.sampled_from([(), (2,), (2, 4)]),
    }
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pair")
    write_pair(rendered("clear").pair, directory)
    return directory


def answer(pair: Path, tile: bytes, baseline: Path | None = None) -> dict[str, Any]:
    """What the command prints of a tile, without its name and times."""
    (pair / "form.tif").write_bytes(tile)
    arguments = ["count", pair / "form.tif", "--baseline", baseline or pair / "baseline.tif"]
    out = io.StringIO()
    with (
        patch.object(
            sys, "argv", ["railwatch", *map(str, arguments), "--tracks", str(pair / "tracks.geojson"), "--json"]
        ),
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert not ended.value.code
    printed = json.loads(out.getvalue())
    return {field: printed[field] for field in SAME}


def changed(data: bytes, change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]], **profile: Any) -> bytes:
    """A file with other pixels on the same ground."""
    with MemoryFile(data) as memory, memory.open() as source:
        pixels, kept = change(source.read()), {"crs": source.crs, "transform": source.transform}
    bands, rows, cols = pixels.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=bands, height=rows, width=cols, dtype=pixels.dtype, **kept, **profile
        ) as target:
            target.write(pixels)
        return bytes(memory.getbuffer())


@pytest.fixture(scope="module")
def plain(pair: Path) -> dict[str, Any]:
    return answer(pair, (pair / "tile.tif").read_bytes())


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    form={
        "interleave": "band",
        "compress": "zstd",
        "bigtiff": "yes",
        "blocks": {},
        "turn": "south-up",
        "overviews": (2,),
    }
)
@example(
    form={"interleave": "pixel", "compress": "none", "bigtiff": "no", "blocks": {}, "turn": "turned", "overviews": ()}
)
@given(form=FORMS)
def test_every_form_of_one_picture_gives_one_answer(pair: Path, plain: dict[str, Any], form: dict[str, Any]) -> None:
    blocks = form["blocks"]
    written = rewritten((pair / "tile.tif").read_bytes(), **{k: v for k, v in form.items() if k != "blocks"}, **blocks)

    assert answer(pair, written) == plain


def test_a_declared_mask_or_none_and_any_type_hide_the_same(pair: Path) -> None:
    data = (pair / "tile.tif").read_bytes()

    def black(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        pixels[:, :, 240:] = 0
        return pixels

    def odd(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        values = pixels.astype(np.float32) / 255
        values[:, :, 240:] = -9999
        return values

    declared = answer(pair, changed(data, black, nodata=0))
    for file in (changed(data, black), changed(data, lambda p: black(p).astype(np.float32) / 255), changed(data, odd)):
        found = answer(pair, file)
        assert found["count"] == declared["count"]
        assert found["coverage"] == pytest.approx(declared["coverage"], abs=0.002)
        assert found["quality"] == "partial"


def test_a_hot_pixel_changes_nothing(pair: Path) -> None:
    data = (pair / "tile.tif").read_bytes()

    def hot(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        values = pixels.astype(np.uint16) * 12
        values[:, 30, 30] = 65535
        return values

    def glint(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        values = pixels.astype(np.float32) / 255
        values[:, 30, 30] = 2.5
        return values

    plain = answer(pair, changed(data, lambda pixels: pixels.astype(np.uint16) * 12))

    assert answer(pair, changed(data, hot)) == plain
    assert answer(pair, changed(data, glint))["count"] == plain["count"]


def test_a_frame_says_what_it_leaves_out(pair: Path, plain: dict[str, Any]) -> None:
    data = (pair / "tile.tif").read_bytes()

    frames = [answer(pair, rewritten(data, window=columns)) for columns in ((0, 150), (150, 400))]

    assert plain["quality"] == "ok"
    assert all(frame["quality"] == "partial" and "partly-outside" in frame["reasons"] for frame in frames)
    assert sum(frame["coverage"] for frame in frames) == pytest.approx(1, abs=0.03)


def test_a_padded_frame_is_the_frame_alone(pair: Path) -> None:
    data = (pair / "tile.tif").read_bytes()

    def padded(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        pixels[:, :, :170] = 0
        pixels[:, :, 230:] = 0
        return pixels

    alone = answer(pair, rewritten(data, window=(170, 230)))

    assert alone["coverage"] < 0.3
    for found in (answer(pair, changed(data, padded, nodata=0)), answer(pair, changed(data, padded))):
        assert found["reasons"] == alone["reasons"]
        for field in ("count", "low", "high", "coverage"):
            assert found[field] == pytest.approx(alone[field], abs=0.002)


def test_a_baseline_of_a_part_is_named(pair: Path, plain: dict[str, Any]) -> None:
    part = pair / "part.tif"
    part.write_bytes(rewritten((pair / "baseline.tif").read_bytes(), window=(260, 400)))

    found = answer(pair, (pair / "tile.tif").read_bytes(), part)

    assert "baseline-partial" in found["reasons"]
    assert found["coverage"] == pytest.approx(plain["coverage"], abs=0.005)
    assert found["low"] <= plain["count"] <= found["high"]
