from pathlib import Path

import pytest

from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import UnprocessableError
from tests.support.geotiff import NoiseScene, bare_tiff


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("format-unsupported", b"not a picture"),
        ("too-many-pixels", bare_tiff(1_000_000)),
        ("block-too-large", bare_tiff(20_000)),
        ("dtype-unsupported", NoiseScene(dtype="int16").geotiff()),
        ("dtype-unsupported", NoiseScene(dtype="float64").geotiff()),
        ("crs-unusable", NoiseScene(origin=(-30_000_000, 4_696_100)).geotiff()),
        ("gsd-out-of-range", NoiseScene(gsd=10).geotiff()),
        ("gsd-out-of-range", NoiseScene(gsd=0.01).geotiff()),
    ],
)
def test_an_unfit_raster_is_refused_with_its_reason(tmp_path: Path, reason: str, data: bytes) -> None:
    path = tmp_path / "scene.tif"
    path.write_bytes(data)

    with pytest.raises(UnprocessableError) as refused, open_scene(path, SceneSettings()):
        pass

    assert refused.value.reason == reason
    assert refused.value.detail.endswith(".")


def test_the_outline_of_a_scene_is_in_degrees(tmp_path: Path) -> None:
    path = tmp_path / "scene.tif"
    path.write_bytes(NoiseScene().geotiff())

    with open_scene(path, SceneSettings()) as scene:
        assert scene.footprint.bounds == pytest.approx((128.610, 42.415, 128.613, 42.417), abs=0.001)
