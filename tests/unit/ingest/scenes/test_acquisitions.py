from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from railwatch.services.ingest.scenes.metadata import SceneMetadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.shared.events import TileRole
from tests.support.geotiff import NoiseScene
from tests.support.ingest import Desk, desk_over

AT = datetime(2023, 10, 5, 2, 11, tzinfo=UTC)


class Provider:
    """Delivers scenes, and says what their events call them."""

    def __init__(self, directory: Path) -> None:
        self.desk: Desk = desk_over(directory)
        self.last: Receipt | None = None
        self._file = directory / "scene.tif"

    def deliver(
        self, scene: str | None = "S1", seed: int = 1, later: timedelta = timedelta(), half: slice | None = None
    ) -> str:
        """Delivers the pixels of a seed under an id. Gives the scene id in the events that follow."""
        look = NoiseScene(seed=seed)
        if half is not None:
            pixels = look.pixels()[:, :, half]
            east = 0.5 * (half.start or 0)
            look = NoiseScene(width=pixels.shape[2], origin=(look.origin[0] + east, look.origin[1]))
            self._file.write_bytes(look.geotiff(pixels))
        else:
            self._file.write_bytes(look.geotiff())
        metadata = SceneMetadata(scene=scene, observed_at=AT + later, role=TileRole.OBSERVATION, sun=None)
        self.last = self.desk.intake().take(self._file, metadata, "api")
        return self.desk.tiles[-1].scene

    def scenes(self) -> tuple[str, str | None]:
        """The scene id of the last receipt, and that of its events."""
        assert self.last is not None
        return self.last.scene, self.last.sites[0].scene

    @property
    def remarks(self) -> str:
        assert self.last is not None
        return " ".join(self.last.remarks)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


def test_one_id_for_several_acquisitions_gives_one_scene_each(provider: Provider) -> None:
    assert provider.deliver("latest") == "latest"
    assert provider.remarks == ""
    assert provider.deliver("latest", seed=2, later=timedelta(days=1)) == "latest-20231006T021100Z"
    assert "latest-20231006T021100Z" in provider.remarks
    assert provider.deliver("latest", seed=3, later=timedelta(hours=2)) == "latest-20231005T041100Z"
    # Each is known by its own name when it comes again, with new processing or without.
    assert provider.deliver("latest", seed=4, later=timedelta(days=1, minutes=1)) == "latest-20231006T021100Z"
    assert provider.deliver("latest", seed=5) == "latest"
    assert provider.deliver("latest", seed=6, later=timedelta(days=2)) == "latest-20231007T021100Z"


def test_new_processing_replaces_the_old_one_and_is_said(provider: Provider) -> None:
    assert [provider.deliver(seed=seed, later=timedelta(seconds=10 * seed)) for seed in (1, 2, 3)] == ["S1"] * 3
    assert "replaces" in provider.remarks
    assert len({tile.id for tile in provider.desk.tiles}) == 3


@pytest.mark.parametrize("later", [timedelta(), timedelta(hours=4), timedelta(days=3)])
def test_the_same_pixels_under_the_same_id_are_one_acquisition_whose_time_was_corrected(
    provider: Provider, later: timedelta
) -> None:
    provider.deliver()
    assert provider.deliver(later=later) == "S1"


def test_the_same_pixels_under_two_ids_are_one_acquisition(provider: Provider) -> None:
    provider.deliver("S1")
    assert provider.deliver("S1_N0510", later=timedelta(seconds=30)) == "S1"
    assert "It is the same look." in provider.remarks
    assert provider.deliver("S1_N0510", seed=2, later=timedelta(seconds=40)) == "S1", "and its new processing too"


def test_the_same_pixels_at_the_same_time_are_told_under_which_id_their_count_comes(provider: Provider) -> None:
    provider.deliver("S1")
    assert provider.scenes() == ("S1", None)
    assert provider.deliver("S2") == "S1", "one event has one scene"
    assert provider.desk.tiles[0].id == provider.desk.tiles[1].id
    assert provider.scenes() == ("S2", "S1")
    assert "The same pixels came before as scene S1" in provider.remarks


def test_the_same_pixels_on_another_day_are_another_acquisition_and_are_said(provider: Provider) -> None:
    provider.deliver("S1")
    assert provider.deliver("S2", later=timedelta(days=5)) == "S2"
    assert "The same pixels came before as scene S1" in provider.remarks
    assert provider.deliver("S3", later=timedelta(days=5, minutes=1)) == "S2"


def test_frames_under_one_id_are_scenes_of_their_own(provider: Provider) -> None:
    left, right = slice(0, 270), slice(230, 500)
    assert provider.deliver("strip", half=left) == "strip"
    assert provider.deliver("strip", half=right) == "strip-20231005T021100Z"
    assert provider.deliver("strip", half=left, seed=2) == "strip"
    assert provider.deliver("strip", half=right, seed=2) == "strip-20231005T021100Z"


def test_new_processing_of_a_part_does_not_replace_the_whole(provider: Provider) -> None:
    assert provider.deliver("S1") == "S1"
    assert provider.deliver("S1", seed=2, half=slice(0, 330)) == "S1-20231005T021100Z"


def test_two_frames_of_one_moment_and_one_id_stay_apart(provider: Provider) -> None:
    names = {provider.deliver("strip", half=slice(start, start + 150)) for start in (100, 220, 340)}
    assert len(names) == 3


def test_a_delivery_that_is_taken_again_after_a_crash_keeps_its_name(provider: Provider) -> None:
    provider.deliver("latest")
    name = provider.deliver("latest", seed=2, later=timedelta(days=1))
    notes = provider.desk.redis.values
    provider.desk.redis.values = {key: note for key, note in notes.items() if '"tiles"' not in note[0]}
    assert provider.deliver("latest", seed=2, later=timedelta(days=1)) == name


def test_the_longest_id_stays_an_id(provider: Provider) -> None:
    provider.deliver("a" * 128)
    provider.deliver("a" * 128, seed=2, later=timedelta(days=1))
    assert len({tile.scene for tile in provider.desk.tiles}) == 2
