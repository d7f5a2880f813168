from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from railwatch.services.ingest.scenes.metadata import SceneMetadata, parse_json, read_item, read_metadata, slug
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Slug, TileRole
from tests.support.stac_item import stac_item

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def refusal(document: dict[str, Any]) -> UnprocessableError:
    with pytest.raises(UnprocessableError) as refused:
        read_metadata(document, NOW)
    return refused.value


@given(st.text(min_size=1, max_size=300))
def test_every_name_becomes_a_slug(name: str) -> None:
    assert TypeAdapter(Slug).validate_python(slug(name))


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


@given(st.datetimes(datetime(1960, 1, 1), datetime(2025, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_zone(moment: datetime, offset_min: int) -> None:
    local = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset_min)))
    assert read_metadata({"observed_at": local.isoformat()}, NOW).observed_at == moment.replace(tzinfo=UTC)


def test_a_clock_may_be_a_little_fast() -> None:
    assert read_metadata({"observed_at": "2026-01-01T00:04:00Z"}, NOW).role is TileRole.OBSERVATION
    assert refusal({"observed_at": "2026-01-01T00:06:00Z"}).reason == "timestamp-in-future"


def test_a_fault_names_its_field() -> None:
    error = refusal({"observed_at": "2023-10-05T02:11:00Z", "role": "poster"})
    assert error.reason == "metadata-invalid"
    assert "`role`" in error.detail


@pytest.mark.parametrize("value", [20231005, True, ["2023-10-05T02:11:00Z"], "1696471860", "2023-10-05T25:11:00Z"])
def test_only_iso_8601_is_a_time(value: object) -> None:
    assert refusal({"observed_at": value}).reason in {"metadata-invalid", "timestamp-invalid"}


def test_half_a_sun_is_none() -> None:
    metadata = read_metadata(stac_item(**{"view:sun_azimuth": 168.0}), NOW)
    assert (metadata.sun, metadata.remarks) == (None, ())


def suns(azimuth: object, elevation: object) -> list[SceneMetadata]:
    """The same sun in a STAC Item and in our own form."""
    own = {"observed_at": "2023-10-05T02:11:00Z", "sun": {"azimuth_deg": azimuth, "elevation_deg": elevation}}
    stac = stac_item(**{"view:sun_azimuth": azimuth, "view:sun_elevation": elevation})
    return [read_metadata(own, NOW), read_metadata(stac, NOW)]


@pytest.mark.parametrize(
    ("given", "azimuth_deg"),
    [(-160, 200.0), (360.2, 0.2), (360, 0.0), (-1e-20, 0.0), (0, 0.0), (719.9, 359.9), ("168.2", 168.2)],
)
def test_the_azimuth_of_the_sun_is_brought_into_one_turn(given: object, azimuth_deg: float) -> None:
    for metadata in suns(given, 41.5):
        assert metadata.sun is not None
        assert metadata.sun.azimuth_deg == pytest.approx(azimuth_deg, abs=1e-9)
        assert 0 <= metadata.sun.azimuth_deg < 360
        assert metadata.remarks == ()


@pytest.mark.parametrize(
    ("azimuth", "elevation", "field"),
    [
        (168, 400, "elevation"),
        (168, float("nan"), "elevation"),
        (168, "high", "elevation"),
        (168, 10**400, "elevation"),
        (1e30, 41, "azimuth"),
        (float("-inf"), 41, "azimuth"),
        (True, 41, "azimuth"),
        ({"deg": "\ud800" * 1000}, 41, "azimuth"),
    ],
)
def test_an_absurd_angle_is_left_out_with_a_remark(azimuth: object, elevation: object, field: str) -> None:
    for metadata in suns(azimuth, elevation):
        assert metadata.sun is None
        (remark,) = metadata.remarks
        assert field in remark
        assert remark.isprintable()
        assert len(remark) < 200


@given(
    st.one_of(
        st.none(), st.text(), st.integers(), st.floats(), st.lists(st.none()), st.dictionaries(st.text(), st.text())
    )
)
def test_no_sun_costs_a_scene(sun: object) -> None:
    read_metadata({"observed_at": "2023-10-05T02:11:00Z", "sun": sun}, NOW)
    read_metadata(stac_item(**{"view:sun_azimuth": sun, "view:sun_elevation": sun}), NOW)


def test_an_item_with_a_start_and_an_end_is_seen_in_the_middle() -> None:
    span = {"start_datetime": "2023-10-05T02:10:00Z", "end_datetime": "2023-10-05T05:13:00+03:00"}
    metadata = read_metadata(stac_item(datetime=None, **span), NOW)
    assert metadata.observed_at == datetime(2023, 10, 5, 2, 11, 30, tzinfo=UTC)
    assert "middle" in metadata.remarks[0]
    assert read_metadata(stac_item(**span), NOW).observed_at == datetime(2023, 10, 5, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (None, "2023-10-05T02:12:00Z", "timestamp-missing"),
        ("2023-10-05T02:12:00Z", "2023-10-05T02:10:00Z", "timestamp-invalid"),
        ("2023-10-05T02:10:00", "2023-10-05T02:12:00Z", "timestamp-without-zone"),
        ("2023-10-05T02:10:00Z", "2126-10-05T02:12:00Z", "timestamp-in-future"),
        (["2023"], "2023-10-05T02:12:00Z", "timestamp-invalid"),
    ],
)
def test_a_span_without_a_true_middle_is_refused(start: object, end: object, reason: str) -> None:
    assert refusal(stac_item(datetime=None, start_datetime=start, end_datetime=end)).reason == reason


MALFORMED: list[Any] = [
    None,
    "text",
    [],
    {},
    {**stac_item(), "properties": None},
    {**stac_item(), "properties": "text"},
    {**stac_item(), "properties": []},
    {**stac_item(), "id": "a\ud800"},
    {**stac_item(), "id": 5},
    {**stac_item(), "id": ["a"]},
    {**stac_item(), "assets": []},
    {**stac_item(), "assets": None},
    {**stac_item(), "links": None},
    {**stac_item(), "links": ["text", None]},
    {**stac_item(), "stac_version": {}},
    stac_item(datetime=5),
    stac_item(datetime=["2023-10-05T02:11:00Z"]),
]


@pytest.mark.parametrize("document", MALFORMED)
def test_a_malformed_item_is_refused_in_printable_words(document: Any) -> None:
    with pytest.raises(UnprocessableError) as refused:
        read_item(document, NOW)
    assert refused.value.reason in {"stac-item-invalid", "timestamp-missing"}
    assert refused.value.detail.isprintable()


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


def test_absurd_nesting_is_refused() -> None:
    assert read_item({**stac_item(), "geometry": nested(100)}, NOW).metadata.scene == "S1"
    with pytest.raises(UnprocessableError) as refused:
        read_item({**stac_item(), "geometry": nested(900)}, NOW)
    assert refused.value.reason == "stac-item-invalid"


@pytest.mark.parametrize(
    "bad", [None, "text", {}, {"href": None}, {"href": "https://x/a.tif", "type": 5}, {"href": "/a", "roles": "data"}]
)
def test_a_malformed_asset_is_left_out_with_a_remark(bad: object) -> None:
    good = {"href": "https://example.com/a.tif", "type": "image/tiff; application=geotiff"}
    metadata, found = read_item({**stac_item(), "assets": {"good": good, "bad": bad}}, NOW)
    assert list(found.assets) == ["good"]
    assert "`bad`" in metadata.remarks[0]


def test_a_document_is_only_so_long() -> None:
    with pytest.raises(UnprocessableError, match="longer"):
        parse_json(b" " * 2_000_000)


def test_the_sensor_is_read_from_an_item_and_from_our_own_form() -> None:
    own = {"observed_at": "2023-10-05T02:11:00Z", "sensor": " WorldView-3 "}
    assert read_metadata(own, NOW).sensor == "worldview-3"
    assert read_metadata(stac_item(platform="SkySat-C3", constellation="skysat"), NOW).sensor == "skysat-c3"
    assert read_metadata(stac_item(constellation="skysat"), NOW).sensor == "skysat"
    assert read_metadata(stac_item(), NOW).sensor is None


@pytest.mark.parametrize("sensor", ["", "  ", 3, ["a"], {"id": "a"}, "x" * 101, "x" * 200_000])
def test_an_absurd_sensor_is_left_out_with_a_remark(sensor: object) -> None:
    own = {"observed_at": "2023-10-05T02:11:00Z", "sensor": sensor}
    for metadata in (read_metadata(own, NOW), read_metadata(stac_item(platform=sensor), NOW)):
        assert metadata.sensor is None
        (remark,) = metadata.remarks
        assert "names no sensor" in remark
        assert len(remark) < 200
    described = read_metadata(stac_item(platform=sensor, constellation="skysat"), NOW)
    assert (described.sensor, len(described.remarks)) == ("skysat", 1)
