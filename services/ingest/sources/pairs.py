"""Scenes that lie as two files of one name: a GeoTIFF, and its metadata as JSON."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from railwatch.shared.errors import UnprocessableError

GEOTIFF_SUFFIXES = (".tif", ".tiff")
METADATA_SUFFIX = ".json"
# Seconds that a GeoTIFF may wait for its metadata, or metadata for its GeoTIFF, before it is refused.
PARTNER_WITHIN_S = 300.0


class Pair(NamedTuple):
    """A GeoTIFF and the metadata of the same name beside it. One of both may be missing."""

    geotiff: str | None
    metadata: str | None

    @property
    def subject(self) -> str:
        """The name of the pair in dead letters and logs."""
        return self.geotiff or self.metadata or ""

    @property
    def names(self) -> tuple[str, ...]:
        """The files that are there."""
        return tuple(name for name in self if name is not None)

    def refusal(self) -> UnprocessableError:
        """Why a pair with a missing file cannot be taken."""
        if self.metadata is None:
            problem = (
                f"There is no metadata beside {self.geotiff}; it must lie in a file of the same name, ending in .json."
            )
            return UnprocessableError("metadata-missing", problem)
        return UnprocessableError("file-missing", f"There is no GeoTIFF of the same name beside {self.metadata}.")


def pairs(paths: Iterable[str]) -> Iterator[Pair]:
    """Pairs files by their name without suffix. Hidden files and files of other kinds are left out."""
    metadata: dict[str, str] = {}
    geotiffs: dict[str, list[str]] = {}
    for path in sorted(paths):
        pure = PurePosixPath(path)
        stem = path.removesuffix(pure.suffix)
        if pure.name.startswith("."):
            continue
        if pure.suffix == METADATA_SUFFIX:
            metadata[stem] = path
        elif pure.suffix.lower() in GEOTIFF_SUFFIXES:
            geotiffs.setdefault(stem, []).append(path)
    for stem in sorted({*metadata, *geotiffs}):
        candidates: list[str | None] = [*geotiffs.get(stem, ())] or [None]
        yield Pair(candidates[0], metadata.get(stem))
        yield from (Pair(other, None) for other in candidates[1:])
