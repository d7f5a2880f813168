"""Settings of ingest."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from railwatch.shared.base_map import TILES, TILES_PATTERN
from railwatch.shared.proxy import ProxySettings
from railwatch.shared.settings import (
    BlobSettings,
    ExistingFile,
    Group,
    HttpSettings,
    KafkaSettings,
    RedisSettings,
    Separated,
    ServiceSettings,
    SiteSettings,
    TokenSettings,
)

Token = Annotated[SecretStr, Field(min_length=16)]
# An address below which assets may lie.
AssetRoot = Annotated[str, Field(pattern=r"^(file:///|s3://[^/@]+|https?://[^/@]+)")]


class SceneSettings(Group):
    """What a scene may be, and where its pixels may come from: `RAILWATCH_SCENES_*`.

    Attributes:
        max_bytes: largest file that is sent here, or the most that is read of one that lies elsewhere.
        spool_bytes: what the temporary files of all scenes on their way in may have together. Others are put off.
        max_pixels: largest raster, width times height. The header is enough to refuse a larger one.
        gsd_min_m: finest ground sample distance.
        gsd_max_m: coarsest ground sample distance; above 1.3 m, metres of track are measured and no cars are counted.
        night: whether scenes may be taken while the sun is below the horizon, by sensors that see at night. Otherwise
            such a time is refused: most likely it is in another time zone.
        asset_roots: addresses below which the asset of a STAC Item may lie: `file:///directory`, `s3://bucket/prefix`
            or `https://host/path`. None by default: then only pushed files and files in the inbox are read.
    """

    max_bytes: int = Field(default=4 * 1024**3, gt=0)
    spool_bytes: int = Field(default=8 * 1024**3, gt=0)
    max_pixels: int = Field(default=4_000_000_000, gt=0)
    gsd_min_m: float = Field(default=0.1, gt=0)
    gsd_max_m: float = Field(default=4.0, gt=0)
    night: bool = False
    asset_roots: Annotated[tuple[AssetRoot, ...], Separated] = Field(
        default=(), description="file:///directory, s3://bucket/prefix or https://host/path, without a user"
    )


class IngestSettings(Group):
    """How scenes come in: `RAILWATCH_INGEST_*`.

    Attributes:
        tokens: bearer tokens without names, at least 16 characters each. They may push scenes and baselines for all
            sites. For senders of their own rights, see `RAILWATCH_TOKENS_FILE`.
        baselines_from: the kinds of sources, beside senders with the scope `baseline`, whose scenes may be baselines.
        watch_dir: a directory from which scenes are taken: the source `directory`.
        watch_bucket: a bucket prefix from which scenes are taken, `s3://bucket/prefix`: the source `bucket`.
        poll_s: the pause between two polls of the watched directory, and of the watched bucket.
        alerting_url: where alerting answers, so that `GET /v1/scenes/{scene}` can say what was counted and judged.
        alerting_token: a token with the scope `read`, if alerting's reading needs one.
        base_map: address of map tiles for the page on which sites are drawn, `https://host/{z}/{x}/{y}.png`.
        base_map_credit: whose map it is, in words for its corner.
    """

    tokens: Annotated[tuple[Token, ...], Separated] = ()
    baselines_from: Annotated[frozenset[Literal["directory", "bucket", "stac"]], Separated] = frozenset(
        {"directory", "bucket"}
    )
    watch_dir: Path | None = None
    watch_bucket: str | None = Field(default=None, pattern=r"^s3://[^/]", description="s3://bucket/prefix")
    poll_s: float = Field(default=5.0, gt=0)
    alerting_url: str | None = Field(default=None, pattern=r"^https?://[^/]", description="http://host of alerting")
    alerting_token: Token | None = None
    base_map: str | None = Field(default=None, pattern=TILES_PATTERN, description=TILES)
    base_map_credit: str = ""


class StacSettings(Group):
    """A STAC API to poll for scenes over the sites, the source `stac`: `RAILWATCH_STAC_*`.

    It is the short form of an entry in the file of sources, which has more: `RAILWATCH_SOURCES_FILE`.

    Attributes:
        url: the API's landing page; without it, no API is polled.
        collections: the collections to search; all by default.
        asset: the asset to take from items with several GeoTIFFs.
        poll_s: the pause between two searches.
        lookback_days: how far back each search reaches, so that items that are published late are found.
        token: bearer token, if the API asks for one. It goes to the API's own scheme, host and port only.
        other_origins: where links of the API may lead besides, `https://host[:port]`; no token goes there.
    """

    url: str | None = Field(default=None, pattern=r"^https?://", description="https://host/path of a STAC API")
    collections: Annotated[tuple[str, ...], Separated] = ()
    asset: str | None = None
    poll_s: float = Field(default=600.0, gt=0)
    lookback_days: float = Field(default=14.0, gt=0)
    token: SecretStr | None = None
    other_origins: Annotated[tuple[Annotated[str, Field(pattern=r"^https?://[^/@]+$")], ...], Separated] = Field(
        default=(), description="https://host[:port]"
    )


class SourcesSettings(Group):
    """Where ingest looks for scenes by itself: `RAILWATCH_SOURCES_FILE`.

    Attributes:
        file: the file of sources, as many as there are.
    """

    file: ExistingFile | None = None


class Settings(ServiceSettings):
    """All settings of ingest."""

    kafka: KafkaSettings
    redis: RedisSettings
    blobs: BlobSettings
    sites: SiteSettings
    ingest: IngestSettings = IngestSettings()
    tokens: TokenSettings = TokenSettings()
    proxy: ProxySettings = ProxySettings()
    http: HttpSettings = HttpSettings()
    scenes: SceneSettings = SceneSettings()
    stac: StacSettings = StacSettings()
    sources: SourcesSettings = SourcesSettings()

    @model_validator(mode="after")
    def _somebody_may_push(self) -> Self:
        if self.tokens.file is None and not self.ingest.tokens:
            raise ValueError("RAILWATCH_TOKENS_FILE must name a file of tokens, or RAILWATCH_INGEST_TOKENS hold some")
        return self

    @model_validator(mode="after")
    def _a_scene_fits_into_the_spool(self) -> Self:
        if self.scenes.spool_bytes < self.scenes.max_bytes:
            raise ValueError("RAILWATCH_SCENES_SPOOL_BYTES must be at least RAILWATCH_SCENES_MAX_BYTES")
        return self
