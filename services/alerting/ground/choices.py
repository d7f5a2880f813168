"""What can be chosen of the pictures of a look."""

from typing import Literal

# What a map shows: the look as it was delivered, moved onto its baseline, or its baseline.
Layer = Literal["look", "aligned", "baseline"]

# The formats of a time-lapse.
Kind = Literal["webp", "gif"]
MEDIA_TYPES: dict[Kind, str] = {"webp": "image/webp", "gif": "image/gif"}
