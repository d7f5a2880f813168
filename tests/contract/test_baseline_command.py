"""`railwatch baseline`: what a person sees and decides, what is refused, and what goes on record."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rasterio.io import MemoryFile
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.renewal import renewals_over
from railwatch.services.detector.settings import Settings
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.read import read_topic
from railwatch.shared.environment import load
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import BaselineEvent
from railwatch.shared.incarnation import rebuild_ends
from railwatch.shared.state import connect
from tests.support.geotiff import cropped
from tests.support.yard_looks import good_look_of, tile_of, write_site, yard


@pytest.fixture
def installation(
    tmp_path: Path,
    kafka_environment: dict[str, str],
    redis_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """The detector's settings in the environment, its site on disk, and its looks kept."""
    write_site(yard()[0].site, tmp_path / "sites")
    environment = {
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": f"file://{tmp_path}/blobs",
        "RAILWATCH_SITES_DIR": str(tmp_path / "sites"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load(Settings)
    client = connect(settings.redis)
    renewals = renewals_over(BlobStore.open(settings.blobs), client)
    renewals.baselines.adopt(tile_of(renewals.blobs, 0), "operator", "ann", "an empty yard")
    for number in range(3):
        renewals.kept.keep("yard", "r0c0", good_look_of(renewals.blobs, number))
    rebuild_ends(client, "detector")
    return settings


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["baseline", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_person_sees_and_changes_baselines_and_it_is_on_record(installation: Settings, tmp_path: Path) -> None:
    assert "composite of 3 looks; by ann: cars everywhere" in run(
        "rebuild", "yard", "--why", "cars everywhere", "--by", "ann"
    )
    shown = run("show", "yard", "-o", str(tmp_path / "baseline.png"))
    assert "look-1" in shown
    assert "look-3" in shown
    picture = Image.open(tmp_path / "baseline.png")
    assert picture.format == "PNG"
    assert picture.width > 200
    run("set", "yard", "--version", "1", "--why", "a mistake", "--by", "bob")
    run("forget", "yard", "--why", "begin anew", "--by", "cleo")

    listed = run("list", "yard")

    assert [line.split()[0] for line in listed.splitlines()] == ["1", "2", "3", "4", "current:"]
    assert "coverage" in listed
    events = [event for part in read_topic(installation.kafka, BaselineEvent) for event in part]
    assert sorted((event.version, event.change, event.by, event.why) for event in events) == [
        (1, "set", "ann", "an empty yard"),
        (2, "renewed", "ann", "cars everywhere"),
        (3, "set", "bob", "a mistake"),
        (4, "forgotten", "cleo", "begin anew"),
    ]


def test_an_unknown_site_or_version_is_refused_in_a_sentence(installation: Settings) -> None:
    unknown = CliRunner().invoke(app, ["baseline", "show", "nowhere"])
    both = CliRunner().invoke(app, ["baseline", "set", "yard", "--why", "x"])
    missing = CliRunner().invoke(app, ["baseline", "set", "yard", "--version", "7", "--why", "x"])

    assert unknown.exit_code == both.exit_code == 2
    assert isinstance(missing.exception, UnprocessableError)
    assert "version 7" in str(missing.exception)


def publish(settings: Settings, number: int, scene: str, data: bytes) -> None:
    """A look that was taken in: its tile is stored and on the topic."""
    blobs, publisher = BlobStore.open(settings.blobs), Publisher(settings.kafka)
    tile = tile_of(blobs, number)
    publisher.publish(tile.model_copy(update={"scene": scene, "image": blobs.put(data, "image/tiff")}))
    publisher.close()


def even(data: bytes) -> bytes:
    """The same picture without any contrast."""
    with MemoryFile(data) as memory, memory.open() as source, MemoryFile() as other:
        with other.open(**source.profile) as target:
            target.write(np.full((source.count, *source.shape), 90, source.dtypes[0]))
        return bytes(other.getbuffer())


def current(settings: Settings) -> tuple[int, str]:
    """The current version, and the scene that it shows."""
    versions = Baselines(connect(settings.redis)).versions("yard", "r0c0")
    version = max(versions)
    ref = versions[version]
    return version, ref.scene if ref else "forgotten"


def test_a_scene_that_was_taken_in_can_be_set(installation: Settings) -> None:
    publish(installation, 1, "tuesday", yard()[1][1].file)

    line = run("set", "yard", "--scene", "tuesday", "--why", "no cars", "--by", "ann")

    assert line.startswith("  2")
    assert "tuesday; by ann: no cars" in line
    assert current(installation) == (2, "tuesday")


def test_what_a_scene_lacks_is_said_and_a_person_may_set_it_all_the_same(installation: Settings) -> None:
    publish(installation, 1, "a-part", cropped(yard()[1][1].file, 0, 160))

    result = CliRunner().invoke(app, ["baseline", "set", "yard", "--scene", "a-part", "--why", "nothing better"])

    assert result.exit_code == 0
    assert "of the cell's track. The rest will be counted without a baseline." in result.stderr
    assert current(installation) == (2, "a-part")


def test_a_picture_with_which_nothing_can_be_compared_is_refused_whoever_sets_it(installation: Settings) -> None:
    publish(installation, 1, "grey", even(yard()[1][1].file))

    result = CliRunner().invoke(app, ["baseline", "set", "yard", "--scene", "grey", "--why", "a slip"])

    assert isinstance(result.exception, UnprocessableError)
    assert result.exception.reason == "unusable-baseline"
    assert current(installation) == (1, "look-1")


def test_a_scene_that_never_came_in_is_refused(installation: Settings) -> None:
    result = CliRunner().invoke(app, ["baseline", "set", "yard", "--scene", "never", "--why", "a slip"])

    assert result.exit_code == 2
    assert "no scene 'never' of yard/r0c0 was taken in" in " ".join(result.stderr.split())


def test_a_composite_needs_looks_and_a_baseline_is_forgotten_once(installation: Settings) -> None:
    run("forget", "yard", "--why", "begin anew")

    again = CliRunner().invoke(app, ["baseline", "forget", "yard", "--why", "again"])
    rebuilt = CliRunner().invoke(app, ["baseline", "rebuild", "yard", "--why", "now"])

    assert isinstance(again.exception, UnprocessableError)
    assert isinstance(rebuilt.exception, UnprocessableError)
    assert "the baseline stays" in str(rebuilt.exception)
    assert current(installation) == (2, "forgotten")
