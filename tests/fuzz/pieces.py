"""What is fuzzed: each piece has a name, a strategy that draws inputs, and a property that says what came of one."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st
from structlog.testing import capture_logs

from railwatch.services.alerting.settings import Settings as AlertingSettings
from railwatch.services.detector.settings import Settings as DetectorSettings
from railwatch.services.ingest.settings import Settings as IngestSettings
from railwatch.shared.bus.codec import decode, encode, origin_of
from railwatch.shared.environment import load
from railwatch.shared.errors import ConfigurationError, UnprocessableError
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.schemas import example_path
from railwatch.shared.settings import ServiceSettings
from railwatch.shared.sites import load_sites
from tests.fuzz import doors
from tests.fuzz.documents import GOOD_SITE, METADATA, as_bytes, item, mutated, odd_environment, site_yaml
from tests.fuzz.doors import DOORS, GOOD_METADATA, Room, WrongError
from tests.fuzz.rasters import RASTERS, written
from tests.fuzz.routes import alerting_requests, ask_alerting, ask_ingest, ingest_requests
from tests.support.geotiff import SITE_YAML, write_site
from tests.support.ingest import stac_source
from tests.support.stac_api import StacApi, running
from tests.support.tiff import good_tags, tiff


@dataclass(frozen=True)
class Piece:
    """One kind of input at one door.

    Attributes:
        inputs: draws them.
        check: what came of an input in a room; raises if it must not be.
        share: its part of the inputs of a run, compared with those of the others.
    """

    inputs: st.SearchStrategy[Any]
    check: Callable[[Room, Any], str]
    share: int


GOOD = tiff(good_tags())
GOOD_MASK = GOOD


def _raster_by(door: str) -> Callable[[Room, Any], str]:
    def check(room: Room, given: tuple[bytes, bytes | None]) -> str:
        scene, mask = given
        return DOORS[door](room, scene, GOOD_METADATA, mask)

    return check


def _metadata_by(room: Room, given: tuple[str, bytes]) -> str:
    door, metadata = given
    return DOORS[door](room, GOOD, metadata)


def _raster_as_asset(room: Room, given: tuple[bytes, bytes | None]) -> str:
    return doors.by_item(room, *given)


def _raster_counted(room: Room, given: tuple[bytes, bytes | None]) -> str:
    return doors.by_command(room, *given)


def _raster_as_tile(room: Room, scene: bytes) -> str:
    return doors.read_raster_or_refuse(scene)


def _item(room: Room, document: Any) -> str:
    here = f"file://{room.directory}"
    return doors.by_item(room, GOOD, GOOD_MASK, _placed(document, here))


def _placed(document: Any, here: str) -> Any:
    """A document in which `HERE` is an address."""
    if isinstance(document, dict):
        return {name: _placed(value, here) for name, value in document.items()}
    if isinstance(document, list):
        return [_placed(value, here) for value in document]
    return document.replace("HERE", here) if isinstance(document, str) else document


def _page(room: Room, page: bytes) -> str:
    """Whatever one site's search answers, the poll ends, and the next good page is taken."""
    (room.directory / "scene.tif").write_bytes(GOOD)
    (room.directory / "mask.tif").write_bytes(GOOD_MASK)
    # The day after: the same pixels at the same time are the same scene, whatever its id.
    good = item("HERE/scene.tif", "HERE/mask.tif") | {"id": "good", "properties": {"datetime": "2023-10-06T02:11:00Z"}}
    here = f"file://{room.directory}"
    with running(StacApi()) as api, capture_logs() as lines:
        source = stac_source(api.url)
        api.answers = [(page.replace(b"HERE", here.encode()), 200)]
        for _ in range(2):
            room.desk.poll_api(source)
            api.items = [_placed(good, here)]
            api.answers.clear()
    doors.no_traceback(lines)
    if "good" not in {tile.scene for tile in room.desk.tiles}:
        raise WrongError("the item after a bad page was not taken")
    return "polled"


def _site(room: Room, given: tuple[bytes, bytes | None]) -> str:
    """A broken site is named, with file and line, and the other one is there."""
    directory = room.directory / "fuzzed-sites"
    directory.mkdir(exist_ok=True)
    write_site(directory, yaml=SITE_YAML.replace("yard", "other"))
    (directory / "fuzzed.yaml").write_bytes(given[0])
    tracks = directory / "yard.geojson"
    tracks.write_bytes((room.directory / "sites" / "yard.geojson").read_bytes() if given[1] is None else given[1])
    catalogue = load_sites(directory)
    if "other" not in catalogue.sites:
        raise WrongError("a broken site stopped another one")
    for site in catalogue.sites.values():
        site.cells()
    for fault in catalogue.faults:
        # A broken site may name any file for its tracks.
        if not re.match(rf"{re.escape(str(directory))}/.+?:\d+: ", fault, re.DOTALL):
            raise WrongError(f"a fault without file and line: {fault[:300]}")
    return "loaded" if not catalogue.faults else "a fault is named"


def _event(room: Room, given: tuple[str, list[tuple[str, bytes | None]], bytes | None]) -> str:
    event_type, headers, value = given
    del room
    good = encode(EVENT_TYPES[event_type].model_validate_json(example_path(event_type).read_bytes()))
    named = dict(headers)
    try:
        event = decode([(name, text) for name, text in good.headers if name not in named] + headers, value)
    except UnprocessableError as error:
        return error.reason
    origin_of(headers, event)
    encode(event)
    return "an event"


SERVICES: dict[str, type[ServiceSettings]] = {
    "ingest": IngestSettings,
    "detector": DetectorSettings,
    "alerting": AlertingSettings,
}
GOOD_ENVIRONMENT = {
    "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "RAILWATCH_REDIS_URL": "redis://127.0.0.1:6379/0",
    "RAILWATCH_BLOBS_URL": "memory://",
    "RAILWATCH_SITES_DIR": "/srv/sites",
    "RAILWATCH_INGEST_TOKENS": "a-secret-of-some-length",
}
VARIABLES = {
    f"RAILWATCH_{group}_{field}".upper(): ""
    for settings in SERVICES.values()
    for group, info in settings.model_fields.items()
    for field in getattr(info.annotation, "model_fields", {})
}


def _settings(room: Room, given: tuple[str, dict[str, str]]) -> str:
    """Settings are read, or each fault is a sentence that names its variable and holds no secret."""
    del room
    service, odd = given
    secret = "planted-secret-of-some-length"
    environment = {**GOOD_ENVIRONMENT, "RAILWATCH_REDIS_PASSWORD": secret, **odd}
    with patch.dict(os.environ, environment, clear=True):
        try:
            load(SERVICES[service])
        except ConfigurationError as error:
            if secret in str(error) or "RAILWATCH_" not in str(error):
                raise WrongError(f"no good sentence: {error}") from None
            return "refused"
    return "settings"


def _headers() -> st.SearchStrategy[list[tuple[str, bytes | None]]]:
    names = st.sampled_from(
        ["ce_id", "ce_type", "ce_specversion", "ce_source", "content-type", "traceparent", "ce_arrivedat"]
    )
    values = st.one_of(
        st.none(), st.binary(max_size=20), st.sampled_from([b"1.0", b"railwatch.tile.v9", b"\xff", b"9999-99-99"])
    )
    return st.lists(st.tuples(names, values), max_size=3)


def _values(event_type: str) -> st.SearchStrategy[Any]:
    example = json.loads(example_path(event_type).read_bytes())
    return st.tuples(st.just(event_type), _headers(), st.one_of(st.none(), as_bytes(mutated(example))))


MASKS = st.one_of(st.none(), st.none(), st.none(), RASTERS)
ITEM = item("HERE/scene.tif", "HERE/mask.tif")
PAGE = {"type": "FeatureCollection", "features": [ITEM], "links": [{"rel": "next", "href": "http://127.0.0.1:1/"}]}
TRACKS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"track": "T1"},
            "geometry": {"type": "LineString", "coordinates": [[128.61, 42.41], [128.611, 42.41], [128.612, 42.411]]},
        }
    ],
}
PIECES: dict[str, Piece] = {
    "rasters-http": Piece(st.tuples(RASTERS, MASKS), _raster_by("http"), 13),
    "rasters-directory": Piece(st.tuples(RASTERS, MASKS), _raster_by("directory"), 10),
    "rasters-bucket": Piece(st.tuples(RASTERS, MASKS), _raster_by("bucket"), 10),
    "rasters-stac": Piece(st.tuples(RASTERS, MASKS), _raster_as_asset, 10),
    "rasters-count": Piece(st.tuples(RASTERS, MASKS), _raster_counted, 10),
    "rasters-tile": Piece(st.one_of(RASTERS, written()), _raster_as_tile, 10),
    "metadata": Piece(
        st.tuples(st.sampled_from(sorted(DOORS)), as_bytes(st.one_of(mutated(METADATA), mutated(ITEM)))),
        _metadata_by,
        10,
    ),
    "stac-items": Piece(mutated(ITEM), _item, 8),
    "stac-pages": Piece(as_bytes(mutated(PAGE)), _page, 4),
    "sites": Piece(
        st.one_of(st.tuples(site_yaml(), st.none()), st.tuples(st.just(GOOD_SITE.encode()), as_bytes(mutated(TRACKS)))),
        _site,
        6,
    ),
    "events": Piece(st.one_of(*(_values(each) for each in EVENT_TYPES)), _event, 5),
    "settings": Piece(st.tuples(st.sampled_from(sorted(SERVICES)), odd_environment(VARIABLES)), _settings, 4),
    "routes-ingest": Piece(st.deferred(ingest_requests), ask_ingest, 8),
    "routes-alerting": Piece(st.deferred(alerting_requests), ask_alerting, 12),
}
