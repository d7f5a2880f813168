"""The object store on disk and in memory: content-addressed, and verified when read."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from railwatch.shared.blobs import PROBE, BlobStore, blob_path
from railwatch.shared.counts import BlobRef
from railwatch.shared.errors import DependencyAwayError, TransientError, UnprocessableError
from railwatch.shared.settings import BlobSettings
from tests.support.s3 import s3_server


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    url = "memory://" if request.param == "memory" else f"file://{tmp_path}/new/directory"
    return BlobStore.open(BlobSettings(url=url))


def test_a_stored_blob_can_be_read(store: BlobStore) -> None:
    ref = store.put(b"pixels", "image/tiff")

    assert store.get(ref) == b"pixels"
    assert ref.path == blob_path(ref.sha256)
    assert (ref.size_bytes, ref.media_type) == (6, "image/tiff")
    assert store.ready()


def test_putting_the_same_bytes_again_writes_nothing(tmp_path: Path) -> None:
    store = BlobStore.open(BlobSettings(url=f"file://{tmp_path}"))
    ref = store.put(b"pixels", "image/tiff")
    before = (tmp_path / ref.path).stat()

    assert store.put(b"pixels", "image/tiff") == ref
    assert (tmp_path / ref.path).stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / ref.path).stat().st_ino == before.st_ino


@pytest.mark.parametrize("spoilt", [b"pixelS", b"pix", b"pixels and more"])
def test_a_blob_that_is_not_what_was_stored_is_refused(tmp_path: Path, spoilt: bytes) -> None:
    store = BlobStore.open(BlobSettings(url=f"file://{tmp_path}"))
    ref = store.put(b"pixels", "image/tiff")
    (tmp_path / ref.path).write_bytes(spoilt)

    with pytest.raises(UnprocessableError) as error:
        store.get(ref)
    assert error.value.reason == "checksum-mismatch"


@pytest.mark.parametrize("spoilt", [b"pixelS", b"pix", b""])
def test_a_spoilt_blob_is_not_held_and_healed_by_putting_it_again(tmp_path: Path, spoilt: bytes) -> None:
    store = BlobStore.open(BlobSettings(url=f"file://{tmp_path}"))
    ref = store.put(b"pixels", "image/tiff")
    assert store.holds(ref.sha256)
    (tmp_path / ref.path).write_bytes(spoilt)
    assert not store.holds(ref.sha256)

    store.put(b"pixels", "image/tiff")

    assert store.get(ref) == b"pixels"


def test_a_missing_blob_is_named(store: BlobStore) -> None:
    nowhere = BlobRef(path=blob_path("0" * 64), sha256="0" * 64, size_bytes=6, media_type="image/tiff")

    with pytest.raises(UnprocessableError, match=r"sha256/00/0{62}") as error:
        store.get(nowhere)
    assert error.value.reason == "blob-missing"


@pytest.mark.parametrize("path", ["../../etc/passwd", "sha256/../secret", "elsewhere"])
def test_a_path_that_does_not_match_the_checksum_is_not_followed(store: BlobStore, path: str) -> None:
    ref = store.put(b"pixels", "image/tiff").model_copy(update={"path": path})

    with pytest.raises(UnprocessableError) as error:
        store.get(ref)
    assert error.value.reason == "blob-path-mismatch"


def bucket(endpoint: str, access_key: str) -> BlobStore:
    settings = BlobSettings(
        url="s3://railwatch/production",
        s3_endpoint=endpoint,
        s3_region="eu-central-1",
        s3_access_key_id=access_key,
        s3_secret_access_key=SecretStr("hush"),
    )
    return BlobStore.open(settings)


def test_an_s3_bucket_holds_blobs_below_its_prefix() -> None:
    with s3_server({"service"}) as (endpoint, objects, _):
        store = bucket(endpoint, "service")
        ref = store.put(b"pixels", "image/tiff")

        assert store.ready()
        assert store.get(ref) == b"pixels"
        assert objects == {f"/railwatch/production/{ref.path}": b"pixels"}

        objects[f"/railwatch/production/{ref.path}"] = b"pixelS"
        with pytest.raises(UnprocessableError) as error:
            store.get(ref)
        assert error.value.reason == "checksum-mismatch"


def test_the_key_of_a_bucket_is_changed_while_both_are_valid() -> None:
    keys = {"old", "new"}
    with s3_server(keys) as (endpoint, _, _):
        before, after = bucket(endpoint, "old"), bucket(endpoint, "new")
        ref = before.put(b"pixels", "image/tiff")
        assert after.get(ref) == b"pixels"
        keys.remove("old")
        assert after.ready()
        assert not before.ready()
        with pytest.raises(DependencyAwayError, match="PermissionDenied"):
            before.get(ref)


def test_a_store_that_refuses_is_away(tmp_path: Path) -> None:
    store = BlobStore.open(BlobSettings(url=f"file://{tmp_path}"))
    ref = store.put(b"pixels", "image/tiff")
    (tmp_path / "sha256" / ref.sha256[:2]).rename(tmp_path / "aside")
    (tmp_path / "sha256" / ref.sha256[:2]).write_bytes(b"a file where a directory should be")

    with pytest.raises(DependencyAwayError):
        store.put(b"pixels", "image/tiff")


def test_a_bucket_that_may_only_be_read_does_not_take_writes_until_it_may_be_written() -> None:
    with s3_server({"service"}) as (endpoint, objects, refused):
        store = bucket(endpoint, "service")
        refused.append(("PUT", ""))

        assert store.ready()
        assert not store.takes_writes()
        with pytest.raises(DependencyAwayError):
            store.put(b"pixels", "image/tiff")

        refused.clear()
        assert store.takes_writes()
        assert list(objects.values()) == [PROBE]


def test_a_write_that_failed_is_seen_at_the_next_look_at_readiness() -> None:
    with s3_server({"service"}) as (endpoint, objects, refused):
        store = bucket(endpoint, "service")
        assert store.takes_writes()
        objects.clear()
        assert store.takes_writes()
        assert objects == {}, "it is not written each time"

        refused.append(("PUT", ""))
        with pytest.raises(DependencyAwayError):
            store.put(b"pixels", "image/tiff")
        assert not store.takes_writes()


def test_one_blob_that_may_not_be_read_is_no_reason_to_wait_for_ever() -> None:
    with s3_server({"service"}) as (endpoint, _, refused):
        store = bucket(endpoint, "service")
        ref = store.put(b"pixels", "image/tiff")
        refused.append(("GET", ref.path))

        with pytest.raises(TransientError, match="PermissionDenied") as error:
            store.get(ref)
        assert not isinstance(error.value, DependencyAwayError)
