"""The doors by which inputs come in, and what may come out: a right answer, a named refusal, or a dead letter."""

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import obstore
from fastapi.testclient import TestClient
from obstore.store import MemoryStore
from rasterio.io import MemoryFile
from structlog.testing import capture_logs

from railwatch.cli import main
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.ingest.http.problems import PROBLEMS
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.settings import SceneSettings
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.polling import offer
from railwatch.shared.events import DeadLetter
from railwatch.shared.sites import load_sites
from tests.fuzz.documents import METADATA, item
from tests.support.geotiff import write_site
from tests.support.ingest import TOKEN, Desk, desk_over
from tests.support.tiff import GSD_M, SIDE

GOING_ON = threading.Event()
# A track of 24 m in the middle of the fuzzed scene, metres east and south of its corner.
TRACK = ((4.0, SIDE * GSD_M / 2), (28.0, SIDE * GSD_M / 2))
MEMBERS = {"count", "low", "high", "coverage", "quality", "reasons"}


class WrongError(AssertionError):
    """Something came out that must not."""


@dataclass(eq=False)
class Room:
    """A directory with a site, and ingest over it."""

    directory: Path
    desk: Desk
    client: TestClient

    def forget(self) -> None:
        """Ingest is as new."""
        self.desk.published.clear()
        self.desk.redis.values.clear()


@contextmanager
def room(directory: Path) -> Iterator[Room]:
    """Ingest with the fuzzed site, and its HTTP API."""
    desk = desk_over(directory, limits=SceneSettings(asset_roots=(f"file://{directory}",), max_bytes=50_000_000))
    write_site(directory / "sites", TRACK)
    desk.sites = load_sites(directory / "sites")
    with TestClient(desk.app(), raise_server_exceptions=True) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Room(directory, desk, client)


def by_http(at: Room, scene: bytes, metadata: bytes, mask: bytes | None = None) -> str:
    """Pushes a scene."""
    files = [("file", ("scene.tif", scene)), *([("mask", ("udm2.tif", mask))] if mask is not None else [])]
    with capture_logs() as lines:
        answer = at.client.post("/v1/scenes", files=files, data={"metadata": metadata})
    no_traceback(lines)
    if answer.status_code in {200, 201}:
        return published(at, scene)
    body = answer.json()
    if not (400 <= answer.status_code < 500 and PROBLEMS[body["reason"]].status == answer.status_code):
        raise WrongError(f"HTTP {answer.status_code}: {body}")
    return refused(at, body["reason"])


def by_directory(at: Room, scene: bytes, metadata: bytes, mask: bytes | None = None) -> str:
    """Puts a scene into a watched directory."""
    inbox = at.directory / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / "a.tif").write_bytes(scene)
    (inbox / "a.json").write_bytes(metadata)
    if mask is not None:
        (inbox / "a_udm2.tif").write_bytes(mask)
    watched = WatchedDirectory("directory", inbox, at.desk.intake())
    with capture_logs() as lines:
        watched.poll(GOING_ON)
        watched.poll(GOING_ON)
    no_traceback(lines)
    if [path for path in inbox.iterdir() if path.is_file()]:
        raise WrongError("a file was left in the inbox")
    return published(at, scene) if at.desk.tiles else refused(at)


def by_bucket(at: Room, scene: bytes, metadata: bytes, mask: bytes | None = None) -> str:
    """Puts a scene into a watched bucket."""
    store = MemoryStore()
    for name, data in (("a.tif", scene), ("a.json", metadata), *([("a_udm2.tif", mask)] if mask is not None else [])):
        obstore.put(store, name, data)
    with capture_logs() as lines:
        WatchedBucket("bucket", "s3://scenes", lambda: store, at.desk.intake()).poll(GOING_ON)
    no_traceback(lines)
    return published(at, scene) if at.desk.tiles else refused(at)


def by_item(at: Room, scene: bytes, mask: bytes | None = None, document: Any = None) -> str:
    """Offers a STAC Item, as the poll of a STAC API does."""
    (at.directory / "scene.tif").write_bytes(scene)
    (at.directory / "mask.tif").write_bytes(mask or b"")
    good = item(f"file://{at.directory}/scene.tif", f"file://{at.directory}/mask.tif")
    with capture_logs() as lines:
        intake = at.desk.intake()
        offer(intake, "item", "its id", "stac", lambda: take_item(intake, document or good, None, "stac"))
    no_traceback(lines)
    return published(at, scene) if at.desk.tiles else refused(at)


def by_command(at: Room, scene: bytes, mask: bytes | None = None) -> str:
    """Counts a scene with `railwatch count`."""
    (at.directory / "tile.tif").write_bytes(scene)
    (at.directory / "udm2.tif").write_bytes(mask or b"")
    masks = ["--mask", str(at.directory / "udm2.tif")] if mask is not None else []
    code, out, err = command(
        "count",
        str(at.directory / "tile.tif"),
        "--tracks",
        str(at.directory / "sites" / "yard.geojson"),
        "--json",
        *masks,
    )
    if code == 0:
        return counted(json.loads(out))
    if code != 1 or "unexpected" in err or "Traceback" in err or not err.startswith("railwatch: "):
        raise WrongError(f"exit code {code}: {err[:500]}")
    return "refused by the command"


def command(*arguments: str) -> tuple[int, str, str]:
    """How the command ends, and what it prints."""
    out, err = io.StringIO(), io.StringIO()
    given, sys.argv = sys.argv, ["railwatch", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    finally:
        sys.argv = given
    raise WrongError("the command did not end")


def counted(tile: dict[str, Any]) -> str:
    """A count is whole and possible, or null with a reason."""
    if not tile.keys() >= MEMBERS or not 0 <= tile["coverage"] <= 1:
        raise WrongError(f"no count: {tile}")
    if tile["count"] is None:
        if tile["quality"] != "rejected" or not tile["reasons"] or (tile["low"], tile["high"]) != (None, None):
            raise WrongError(f"no count and no reason: {tile}")
        return "not counted"
    # 24 m of track hold two cars of 9 m or more, and one that is cut.
    if not (0 <= tile["low"] <= tile["count"] <= tile["high"] and tile["count"] <= 4):
        raise WrongError(f"an impossible count: {tile}")
    return "counted"


def published(at: Room, scene: bytes) -> str:
    """Each tile can be read by the detector's rules, and shows only pixels that the scene has."""
    if at.desk.dead_letters:
        raise WrongError(f"taken and refused: {at.desk.dead_letters}")
    for tile in at.desk.tiles:
        data = at.desk.blobs.get(tile.image)
        if not (np.isfinite(tile.gsd_m) and tile.gsd_m > 0 and tile.observed_at <= datetime.now(UTC)):
            raise WrongError(f"an impossible event: {tile}")
        with MemoryFile(data) as memory, memory.open() as cut, MemoryFile(scene) as whole, whole.open() as source:
            if cut.dtypes != source.dtypes or cut.count != source.count:
                raise WrongError("the tile is of another type")
            pixels = source.read()
            values, shown = cut.read(), cut.dataset_mask() > 0
            for band, of_scene in zip(values, pixels, strict=True):
                if not np.isin(band[shown], of_scene, kind="sort").all() and not np.isnan(of_scene).any():
                    raise WrongError("the tile shows what the scene does not")
        read_raster_or_refuse(data)
    return "published"


def read_raster_or_refuse(data: bytes) -> str:
    """The detector reads a tile, or refuses it by name."""
    from railwatch.shared.errors import UnprocessableError

    try:
        raster = read_raster(data)
    except UnprocessableError as error:
        return error.reason
    if not np.isfinite(raster.pixels).all() or not np.isfinite(raster.gsd_m):
        raise WrongError("the picture has pixels that are no numbers")
    return "read"


def refused(at: Room, reason: str | None = None) -> str:
    """There is one dead letter, which readers can read, with a reason that the documents name."""
    if len(at.desk.dead_letters) != 1:
        raise WrongError(f"{len(at.desk.dead_letters)} dead letters")
    (letter,) = at.desk.dead_letters
    if letter.reason not in {*PROBLEMS, "file-refused"} or (reason and letter.reason != reason):
        raise WrongError(f"a dead letter for {letter.reason}: {letter.detail}")
    if DeadLetter.model_validate_json(letter.model_dump_json()) != letter:
        raise WrongError("a dead letter that cannot be read")
    return letter.reason


def no_traceback(lines: list[Any]) -> None:
    """Nothing in the log says that Railwatch itself failed."""
    faults = [line for line in lines if line["log_level"] in {"error", "critical"} or line.get("exc_info")]
    if faults:
        raise WrongError(f"the log has {faults}")


DOORS: dict[str, Callable[..., str]] = {"http": by_http, "directory": by_directory, "bucket": by_bucket}
GOOD_METADATA = json.dumps(METADATA).encode()
