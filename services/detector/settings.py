"""Settings of the detector."""

from pydantic import Field

from railwatch.shared.settings import (
    BlobSettings,
    Group,
    HttpSettings,
    KafkaSettings,
    RedisSettings,
    ServiceSettings,
    SiteSettings,
)
from railwatch.shared.tiles import MAX_TILE_PIXELS

# What a process that counts needs, in megabytes and bytes (docs/performance.md): for its libraries, for each pixel of a
# tile, and for 20 km of track and what does not grow with the tile.
LIBRARIES_MB = 200
BYTES_PER_PIXEL = 38
BESIDE_MB = 450


def memory_mb_for(pixels: int) -> float:
    """The memory that a tile of so many pixels (rows times columns) needs, in megabytes."""
    return LIBRARIES_MB + BESIDE_MB + BYTES_PER_PIXEL * pixels / 1e6


class DetectorSettings(Group):
    """How tiles are counted: `RAILWATCH_DETECTOR_*`.

    Attributes:
        max_pixels: largest tile, rows times columns. A larger one is refused from its header alone. Ingest cuts none
            that is larger than the default.
        threads: tiles counted at the same time, each in a process of its own. One more pays only with one more core.
        memory_mb: memory that such a process may have, in megabytes (1,000,000 bytes). One that needs more dies.
        time_s: how long a tile may take, in seconds. A process that takes longer is ended.
        recall_share: share of tiles, 0 to 1, that are counted a second time with known cars painted in.
    """

    max_pixels: int = Field(default=MAX_TILE_PIXELS, gt=0)
    threads: int = Field(default=1, ge=1, le=64)
    memory_mb: int = Field(default=1_800, ge=300)
    time_s: float = Field(default=240, gt=0, le=500)
    recall_share: float = Field(default=0.05, ge=0, le=1)


class Settings(ServiceSettings):
    """All settings of the detector."""

    kafka: KafkaSettings
    redis: RedisSettings
    blobs: BlobSettings
    sites: SiteSettings
    http: HttpSettings = HttpSettings()
    detector: DetectorSettings = DetectorSettings()
