from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from railwatch.services.ingest.scenes.metadata import read_metadata, slug
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Slug, TileRole

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
    error = refusal({"observed_at": "2023-10-05T02:11:00Z", "sun": {"azimuth_deg": 400, "elevation_deg": 10}})
    assert error.reason == "metadata-invalid"
    assert "`sun.azimuth_deg`" in error.detail


@pytest.mark.parametrize("value", [20231005, True, ["2023-10-05T02:11:00Z"], "1696471860", "2023-10-05T25:11:00Z"])
def test_only_iso_8601_is_a_time(value: object) -> None:
    assert refusal({"observed_at": value}).reason in {"metadata-invalid", "timestamp-invalid"}


def test_half_a_sun_is_none() -> None:
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "I1",
        "geometry": None,
        "properties": {"datetime": "2023-10-05T02:11:00Z", "view:sun_azimuth": 168.0},
        "links": [],
        "assets": {},
    }
    assert read_metadata(item, NOW).sun is None
