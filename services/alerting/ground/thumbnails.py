"""Small pictures of a look, from the evidence that came with its counts."""

import io

import numpy as np
from PIL import Image

# The colour below the ground on an evidence picture, on which its words stand, and how far JPEG may change it.
PAPER = (24, 26, 30)
NEARLY = 14
# Pixels at the left of that band that hold no words.
MARGIN_PX = 8


def thumbnail(picture: bytes, longest_px: int) -> bytes:
    """The ground of an evidence picture, made small, as WebP."""
    with Image.open(io.BytesIO(picture)) as opened:
        opened.draft("RGB", (2 * longest_px, 2 * longest_px))  # a JPEG is decoded at a fraction of its size
        small = opened.convert("RGB")
    ground = small.crop((0, 0, small.width, _rows_of_ground(small)))
    ground.thumbnail((longest_px, longest_px), Image.Resampling.BOX)
    made = io.BytesIO()
    ground.save(made, "WEBP", quality=80, method=2)
    return made.getvalue()


def _rows_of_ground(picture: Image.Image) -> int:
    margin = np.asarray(picture.crop((0, 0, MARGIN_PX, picture.height))).astype(int)
    ground = (np.abs(margin - PAPER).max(axis=2) > NEARLY).any(axis=1)
    return int(np.flatnonzero(ground)[-1]) + 1 if ground.any() else picture.height
