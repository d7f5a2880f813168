"""Thumbnails show the ground of a picture, without the words below it."""

import io

import numpy as np
from PIL import Image, ImageDraw

from railwatch.services.alerting.ground.thumbnails import PAPER, thumbnail


def test_a_thumbnail_has_no_words() -> None:
    picture = Image.new("RGB", (1400, 800), PAPER)
    picture.paste(Image.new("RGB", (1400, 700), (150, 140, 110)))
    ImageDraw.Draw(picture).rectangle((40, 720, 600, 780), fill="white")
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=80)
    small = Image.open(io.BytesIO(thumbnail(made.getvalue(), 320)))
    assert small.size == (320, 160)
    assert np.abs(np.asarray(small).astype(int)[155, 160] - (150, 140, 110)).max() < 12
