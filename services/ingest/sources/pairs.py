"""Scenes that lie as two files of one name: a GeoTIFF, and its metadata as JSON. Its provider's masks lie beside it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from railwatch.shared.errors import UnprocessableError

GEOTIFF_SUFFIXES = (".tif", ".tiff")
METADATA_SUFFIX = ".json"
# A mask of `NAME.tif` is `NAME_udm2.tif`, `NAME_udm.tif`, `NAME_cloud.tif` or `NAME_mask.tif`, or ends likewise.
MASK = re.compile(r"(?P<scene>.+?)[._-](udm2?|clouds?|(cloud[_-]|data[_-])?mask|cloud-mask-raster)", re.IGNORECASE)
# Vector files named as masks. They are not read as such, and the scene's remarks say so.
VECTOR_SUFFIXES = (".geojson", ".gpkg", ".gml", ".kml", ".shp")
# Seconds that a GeoTIFF may wait for its metadata, or metadata for its GeoTIFF, before it is refused.
PARTNER_WITHIN_S = 300.0


class Pair(NamedTuple):
    """A GeoTIFF, the metadata of the same name beside it, and its provider's masks. One of the first may be missing."""

    geotiff: str | None
    metadata: str | None
    masks: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The name of the pair in dead letters and logs."""
        return self.geotiff or self.metadata or ""

    @property
    def names(self) -> tuple[str, ...]:
        """The files that are there."""
        return tuple(name for name in (self.geotiff, self.metadata, *self.masks) if name is not None)

    def refusal(self) -> UnprocessableError:
        """Why a pair with a missing file cannot be taken."""
        if self.metadata is None:
            problem = (
                f"There is no metadata beside {self.geotiff}; it must lie in a file of the same name, ending in .json."
            )
            return UnprocessableError("metadata-missing", problem)
        return UnprocessableError("file-missing", f"There is no GeoTIFF of the same name beside {self.metadata}.")


def pairs(paths: Iterable[str]) -> Iterator[Pair]:
    """Pairs files by their name without suffix. Hidden files and files of other kinds are left out.

    A GeoTIFF or vector file that is named as a scene's mask, and has no metadata of its own, is that mask.
    """
    metadata: dict[str, str] = {}
    geotiffs: dict[str, list[str]] = {}
    vectors: dict[str, list[str]] = {}
    for path in sorted(paths):
        pure = PurePosixPath(path)
        stem = path.removesuffix(pure.suffix)
        if pure.name.startswith("."):
            continue
        if pure.suffix == METADATA_SUFFIX:
            metadata[stem] = path
        elif pure.suffix.lower() in GEOTIFF_SUFFIXES:
            geotiffs.setdefault(stem, []).append(path)
        elif pure.suffix.lower() in VECTOR_SUFFIXES:
            vectors.setdefault(stem, []).append(path)
    masks: dict[str, tuple[str, ...]] = {}
    for stem in [stem for stem in {**geotiffs, **vectors} if stem not in metadata]:
        named = MASK.fullmatch(stem)
        if named and named["scene"] in geotiffs:
            found = (*geotiffs.pop(stem, ()), *vectors.get(stem, ()))
            masks[named["scene"]] = (*masks.get(named["scene"], ()), *found)
    for stem in sorted({*metadata, *geotiffs}):
        candidates: list[str | None] = [*geotiffs.get(stem, ())] or [None]
        yield Pair(candidates[0], metadata.get(stem), masks.get(stem, ()))
        yield from (Pair(other, None) for other in candidates[1:])
