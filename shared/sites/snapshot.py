"""Sites as they were read, kept as one object over restarts: what has not changed since needs no reading again.

The object is a checksum, the length of an index, the index as JSON, and the packed sites one after the other. It holds
nothing that a program would run. It is only a shortcut: if it is missing, damaged, or was written by other code, the
files are read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from railwatch.shared import geography
from railwatch.shared.sites.catalogue import PackedSite
from railwatch.shared.sites.entries import Entry, Version

CHECKSUM_BYTES = 32
LENGTH_BYTES = 8

log = structlog.get_logger(__name__)


class Snapshot:
    """The snapshot of the sites of one place."""

    def __init__(self, store: ObjectStore, place: str) -> None:
        """Nothing is read yet.

        Args:
            store: where it is kept. Who may write there decides what the sites are.
            place: where the sites' files are. Each place has a snapshot of its own.
        """
        self._store = store
        self._path = f"sites/{hashlib.sha256(place.encode()).hexdigest()[:16]}"

    def read(self) -> dict[str, Entry]:
        """What is kept, by the names of the YAML files; nothing if it cannot be used."""
        try:
            data = memoryview(obstore.get(self._store, self._path).bytes())
            return _entries(data)
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            log.warning("the snapshot of the sites cannot be read; their files are read", detail=type(error).__name__)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            log.warning("the snapshot of the sites cannot be used; their files are read", detail=str(error))
        return {}

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Keeps entries in place of those of before. If that fails, the next start takes longer, and no more."""
        try:
            obstore.put(self._store, self._path, iter(_parts(entries)))
            log.info("the snapshot of the sites is written", sites=len(entries))
        except (BaseError, OSError) as error:
            log.info("the snapshot of the sites is not written", detail=type(error).__name__)


def code_version() -> str:
    """A checksum of the code that reads sites and makes their areas. Other code may read them differently."""
    checksum = hashlib.sha256()
    for file in (*sorted(Path(__file__).parent.glob("*.py")), Path(geography.__file__)):
        checksum.update(file.read_bytes())
    return checksum.hexdigest()


def _parts(entries: Mapping[str, Entry]) -> list[bytes]:
    """The object in parts, so that it is in memory once."""
    rows: list[list[Any]] = []
    packed: list[bytes] = []
    for name, entry in entries.items():
        good = None
        if entry.good is not None and not entry.faults:
            site = entry.good.site
            good = [site.id, site.bounds, len(site.data), entry.good.retired, entry.good.remarks]
            packed.append(site.data)
        rows.append([name, entry.stamps, entry.faults, entry.id, entry.name, good])
    index = json.dumps({"code": code_version(), "sites": rows}, separators=(",", ":")).encode()
    parts = [len(index).to_bytes(LENGTH_BYTES), index, *packed]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return [checksum.digest(), *parts]


def _entries(data: memoryview) -> dict[str, Entry]:
    """Raises `ValueError`, or another error of a wrong form."""
    body = data[CHECKSUM_BYTES:]
    if hashlib.sha256(body).digest() != data[:CHECKSUM_BYTES]:
        raise ValueError("it is damaged")
    at = LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES])
    index = json.loads(body[LENGTH_BYTES:at].tobytes())
    if index["code"] != code_version():
        raise ValueError("it is of another version of Railwatch")
    entries: dict[str, Entry] = {}
    for name, stamps, faults, said_id, said_name, good in index["sites"]:
        version = None
        if good is not None:
            site, bounds, size, retired, remarks = good
            west, south, east, north = bounds
            version = Version(
                PackedSite(site, (west, south, east, north), body[at : at + size].tobytes()), retired, tuple(remarks)
            )
            at += size
        read = tuple((file, stamp) for file, stamp in stamps)
        entries[name] = Entry(read, tuple(faults), version, said_id, said_name)
    return entries
