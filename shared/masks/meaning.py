"""What the numbers of a provider's mask mean."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from rasterio.io import DatasetReader

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.tiff import Elsewhere

# The bands of Planet's UDM2, in their order. Snow and light haze are left to the detector: it may see the cars.
UDM2 = ("clear", "snow", "shadow", "light_haze", "heavy_haze", "cloud", "confidence", "unusable")
# What a mask may have for a pixel, and characters of a class's name that are read.
NUMBERS = range(-32768, 65536)
MAX_NAME = 200
HIDING = ("shadow", "heavy_haze", "cloud", "unusable")


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a mask of one band mean.

    Attributes:
        values: some of them.
        hide: whether these values hide the ground, or all others do.
        yes_or_no: whether a mask with more than two values means something else, and cannot be used.
    """

    values: frozenset[int]
    hide: bool
    yes_or_no: bool = False


# Planet's older UDM: each bit is something that is wrong with the pixel.
UDM = Meaning(frozenset({0}), hide=False)
CLOUD = Meaning(frozenset({0}), hide=False, yes_or_no=True)
DATA = Meaning(frozenset({0}), hide=True, yes_or_no=True)
# Maxar's `cloud-mask-raster`: 0 is no data, 1 clear, 2 cloud, 3 cloud shadow.
MAXAR_CLOUD = Meaning(frozenset({1}), hide=False)


def meaning_of(name: str) -> Meaning:
    """What a mask of one band means by the name of its file or asset. By default, 0 is what is not seen."""
    words = PurePath(name).name.lower().replace("_", "-")
    if "udm" in words:
        return UDM
    if "cloud-mask-raster" in words:
        return MAXAR_CLOUD
    return CLOUD if "cloud" in words else DATA


def meaning_of_classes(classes: object) -> Meaning | None:
    """What a mask means by the classes that STAC's classification extension lists; null if they name none that hides.

    Args:
        classes: objects with a `value` and a `name`; anything else is not used.
    """
    if not isinstance(classes, list):
        return None
    hiding = {
        each["value"]
        for each in classes
        if isinstance(each, dict) and _is_number(each.get("value")) and _hides(str(each.get("name", ""))[:MAX_NAME])
    }
    return Meaning(frozenset(hiding), hide=True) if hiding else None


def _is_number(value: object) -> bool:
    return type(value) is int and value in NUMBERS


def _hides(name: str) -> bool:
    words = re.sub(r"[^a-z]+", " ", name.lower())
    missing = re.search(r"no data|nodata|fill|unusable|invalid|missing", words)
    veiled = re.search(r"cloud|shadow|heavy haze", words) and not re.search(r"\b(no|non|not|free|clear)\b", words)
    return bool(missing or veiled)


@dataclass(frozen=True)
class MaskFile:
    """A provider's mask.

    Attributes:
        path: the GeoTIFF.
        name: what its sender calls it.
        meaning: what it means if it has one band. One of eight bands is a UDM2.
    """

    path: Path | Elsewhere
    name: str
    meaning: Meaning


def hiding_bands(mask: DatasetReader) -> list[int]:
    """The bands in which a number other than 0 hides; the only band.

    Raises:
        UnprocessableError: `mask-unusable`.
    """
    names = [(text or "").strip().lower().replace(" ", "_").replace("-", "_") for text in mask.descriptions]
    if mask.count == 1:
        return [1]
    named = [number for number, name in enumerate(names, start=1) if name in HIDING]
    if named:
        return named
    if mask.count == len(UDM2):
        return [UDM2.index(name) + 1 for name in HIDING]
    raise unusable(f"It has {mask.count} bands; a mask has one, or the eight of a UDM2.")


def unusable(why: str) -> UnprocessableError:
    """The fault of a mask that cannot be used."""
    return UnprocessableError("mask-unusable", why)
