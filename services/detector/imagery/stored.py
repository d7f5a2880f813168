"""Pixels that stay the numbers of their file until they are looked at: a quarter of the memory, or half of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from railwatch.services.detector.imagery.arrays import Floats, Raw


@dataclass(frozen=True)
class Stored:
    """Pixels (bands, rows, cols) of 8 or 16 bits, and the light that each number stands for.

    It is read as the float32 array that it stands for would be: by slices, by indices, band by band, as a whole by
    numpy. What is read is a new array each time.

    Attributes:
        numbers: uint8 or uint16 (bands, rows, cols).
        light: (256,) or (65536,), what each number means.
    """

    numbers: Raw
    light: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """Bands, rows and columns."""
        return self.numbers.shape

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: Any) -> Floats:
        return np.asarray(self.light[self.numbers[place]])

    def __iter__(self) -> Iterator[Floats]:
        return (self.light[band] for band in self.numbers)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.light[self.numbers], dtype)


def stored(numbers: Raw, light: Floats) -> Floats:
    """Numbers of a file as pixels. To the type checker they are the array that they stand for."""
    return cast("Floats", Stored(numbers, light))


def taken(pixels: Floats, band: int, index: NDArray[np.intp]) -> Floats:
    """The pixels of a band at some indices (any shape) of rows * cols."""
    if isinstance(pixels, Stored):
        return np.asarray(pixels.light[pixels.numbers[band].ravel().take(index)])
    return np.asarray(pixels[band].ravel().take(index))


def multiplied(pixels: Floats, factor: float, *, in_place: bool) -> Floats:
    """The pixels times a factor. If it is done in place, pixels that are an array are changed."""
    if isinstance(pixels, Stored):
        return stored(pixels.numbers, pixels.light * np.float32(factor))
    return np.multiply(pixels, np.float32(factor), out=pixels if in_place else None)


def cut(pixels: Floats, rows: slice, cols: slice) -> Floats:
    """A part of all bands, without the memory of the rest."""
    if isinstance(pixels, Stored):
        return stored(np.ascontiguousarray(pixels.numbers[:, rows, cols]), pixels.light)
    return np.ascontiguousarray(pixels[:, rows, cols])
