"""Providers' own masks: what a provider calls cloud or unusable is not seen.

A mask is a GeoTIFF beside a picture. If it cannot be used it is left out, and a remark says so: the picture is good
without it, because the detector looks for clouds and fill itself.
"""

from railwatch.shared.masks.meaning import CLOUD, DATA, MaskFile, Meaning, meaning_of, meaning_of_classes
from railwatch.shared.masks.reading import Hidden, ProviderMasks, open_masks

__all__ = [
    "CLOUD",
    "DATA",
    "Hidden",
    "MaskFile",
    "Meaning",
    "ProviderMasks",
    "meaning_of",
    "meaning_of_classes",
    "open_masks",
]
