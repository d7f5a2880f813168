"""Settings of the detector."""

from pydantic import Field

from shared.settings import (
    BlobSettings,
    Group,
    HttpSettings,
    KafkaSettings,
    RedisSettings,
    ServiceSettings,
    SiteSettings,
)


class DetectorSettings(Group):
    """How tiles are counted: `RAILWATCH_DETECTOR_*`.

    Attributes:
        max_pixels: largest tile, rows times columns, refused from its header alone.
        threads: tiles counted at the same time in this process; one more pays only with one more core.
    """

    max_pixels: int = Field(default=67_108_864, gt=0)
    threads: int = Field(default=1, ge=1, le=64)


class Settings(ServiceSettings):
    """All settings of the detector."""

    kafka: KafkaSettings
    redis: RedisSettings
    blobs: BlobSettings
    sites: SiteSettings
    http: HttpSettings = HttpSettings()
    detector: DetectorSettings = DetectorSettings()
