"""The file of sources: what it may say, and what an operator is told if it is wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.settings import Settings
from railwatch.services.ingest.sources.filters import cql2, wanted
from railwatch.services.ingest.sources.forms import Filters, StacSource, read_sources
from railwatch.shared.environment import load
from railwatch.shared.errors import ConfigurationError

API = {"name": "earth", "kind": "stac", "url": "https://stac.example/v1"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "REDIS_URL": "redis://127.0.0.1",
        "BLOBS_URL": "memory://",
        "SITES_DIR": str(tmp_path),
        "INGEST_TOKENS": "a-token-of-some-length",
        "SOURCES_FILE": str(tmp_path / "sources.yaml"),
    }.items():
        monkeypatch.setenv(f"RAILWATCH_{name}", value)
    (tmp_path / "key").write_text("k\n")
    return tmp_path / "sources.yaml"


def read(file: Path, *sources: dict[str, Any]) -> tuple[Any, ...]:
    file.write_text(yaml.safe_dump({"sources": list(sources)}))
    return read_sources(load(Settings))


def test_sources_of_all_kinds_stand_side_by_side(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAILWATCH_INGEST_WATCH_DIR", "/srv/inbox")
    monkeypatch.setenv("RAILWATCH_STAC_URL", "https://old.example/stac")
    monkeypatch.setenv("RAILWATCH_STAC_TOKEN", "the-token")
    found = read(
        file,
        {**API, "filters": {"cloud_cover_max": 40}, "credentials": {"https://a.example": {"bearer": {"env": "PATH"}}}},
        {**API, "name": "another"},
        {"name": "drop", "kind": "bucket", "url": "s3://b/raw", "credentials": {"s3://b": {"s3": {"region": "x"}}}},
        {"name": "desk", "kind": "directory", "path": "/srv/desk", "poll_s": 60},
    )
    assert [source.name for source in found] == ["directory", "stac", "earth", "another", "drop", "desk"]
    assert found[1].credentials["https://old.example"].headers() == {"Authorization": "Bearer the-token"}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ({**API, "kind": "ftp"}, "kind"),
        ({**API, "colections": ["a"]}, "colections"),
        ({**API, "name": "api"}, "is the name of what is pushed"),
        ({**API, "name": "stac"}, "a RAILWATCH_* variable sets"),
        ({**API, "url": "https://user:secret@host"}, "url"),
        ({**API, "filters": {"cloud_cover_max": 140}}, "cloud_cover_max"),
        ({**API, "credentials": {"https://h": {"bearer": "the-secret-itself"}}}, "bearer"),
        ({**API, "credentials": {"https://h": {"bearer": {"env": "NOT_SET_AT_ALL"}}}}, "NOT_SET_AT_ALL is not set"),
        ({**API, "credentials": {"https://h": {"bearer": {"file": "/none"}}}}, "/none is not a file"),
        ({**API, "credentials": {"https://h/path": {"bearer": {"env": "PATH"}}}}, "an origin is https://host"),
        ({**API, "credentials": {"https://h": {}}}, "give one of"),
    ],
)
def test_a_fault_has_its_line_and_shows_no_secret(
    file: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], fault: str
) -> None:
    monkeypatch.setenv("RAILWATCH_STAC_URL", "https://old.example/stac")
    with pytest.raises(ConfigurationError) as raised:
        read(file, source)
    assert fault in str(raised.value)
    assert "sources.yaml:" in str(raised.value)
    assert "the-secret-itself" not in str(raised.value)


def test_two_sources_of_one_name_are_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="two sources have the name `earth`"):
        read(file, API, API)


def test_a_secret_in_a_file_is_read_when_it_is_used(file: Path) -> None:
    key = file.with_name("key")
    header = {"header": {"name": "X-Api-Key", "value": {"file": str(key)}}}
    basic = {"basic": {"user": "me", "password": {"file": str(key)}}}
    (source,) = read(file, {**API, "credentials": {"https://a.example": header, "https://b.example:8443": basic}})
    assert isinstance(source, StacSource)
    assert source.credentials["https://a.example"].headers() == {"X-Api-Key": "k"}
    key.write_text("another")
    assert source.credentials["https://a.example"].headers() == {"X-Api-Key": "another"}
    assert source.credentials["https://b.example:8443"].headers() == {"Authorization": "Basic bWU6YW5vdGhlcg=="}


def test_a_bucket_is_opened_anew_only_when_its_key_was_replaced(file: Path) -> None:
    key = file.with_name("key")
    s3 = {"s3": {"region": "x", "access_key_id": {"file": str(key)}, "secret_access_key": {"file": str(key)}}}
    drop = {"name": "drop", "kind": "bucket", "url": "s3://b/raw", "credentials": {"s3://b": s3}}
    credentials = Credentials(read(file, drop)[0].credentials)
    first = credentials.bucket("s3://b/raw")
    assert credentials.bucket("s3://b/raw") is first
    key.write_text("another")
    assert credentials.bucket("s3://b/raw") is not first


@pytest.mark.parametrize(
    ("properties", "taken"),
    [
        ({}, True),
        ({"eo:cloud_cover": None, "gsd": "fine"}, True),
        ({"eo:cloud_cover": 40, "gsd": 0.5, "platform": "SkySat-1"}, True),
        ({"eo:cloud_cover": 40.1}, False),
        ({"gsd": 0.2}, False),
        ({"gsd": 1.1}, False),
        ({"platform": "landsat-9"}, False),
    ],
)
def test_an_item_is_left_out_if_it_says_what_is_not_wanted(properties: dict[str, Any], taken: bool) -> None:
    filters = Filters(cloud_cover_max=40, gsd_min_m=0.3, gsd_max_m=1, platforms=("skysat-1",))
    assert wanted(filters, properties) is taken
    assert wanted(Filters(), properties)
    assert cql2(Filters()) is None
