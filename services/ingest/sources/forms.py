"""The file of sources: which directories, buckets and STAC APIs are looked through, with what."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from railwatch.services.ingest.scenes.credentials import Credential, Form, OriginText, Reference, origin_text
from railwatch.services.ingest.settings import AssetRoot, Settings
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites.document import read_yaml

POLL_S, STAC_POLL_S, LOOKBACK_DAYS = 5.0, 600.0, 14.0


def _free(name: str) -> str:
    if name == "api":
        raise ValueError("`api` is the name of what is pushed")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$"), AfterValidator(_free)]
Seconds = Annotated[float, Field(gt=0)]
CredentialsByOrigin = dict[OriginText, Credential]


class Filters(Form):
    """Which items of an API are wanted.

    Attributes:
        cloud_cover_max: the most cloud (`eo:cloud_cover`), per cent.
        gsd_min_m: the finest ground sample distance (`gsd`), metres.
        gsd_max_m: the coarsest, metres.
        platforms: the satellites (`platform`).
        unstated: what becomes of an item that does not say one of these: providers leave fields out.
    """

    cloud_cover_max: float | None = Field(default=None, ge=0, le=100)
    gsd_min_m: float | None = Field(default=None, gt=0)
    gsd_max_m: float | None = Field(default=None, gt=0)
    platforms: tuple[str, ...] = ()
    unstated: Literal["take", "leave-out"] = "take"


class DirectorySource(Form):
    """A watched directory.

    Attributes:
        name: of the source.
        path: the directory.
        poll_s: the pause between two polls.
    """

    name: Name
    kind: Literal["directory"]
    path: Path
    poll_s: Seconds = POLL_S


class BucketSource(Form):
    """A watched bucket prefix.

    Attributes:
        name: of the source.
        url: `s3://bucket/prefix`.
        poll_s: the pause between two polls.
        credentials: how the bucket is read, as `s3://bucket`.
    """

    name: Name
    kind: Literal["bucket"]
    url: str = Field(pattern=r"^s3://[^/]")
    poll_s: Seconds = POLL_S
    credentials: CredentialsByOrigin = Field(default_factory=dict)


class StacSource(Form):
    """A STAC API.

    Attributes:
        name: of the source.
        url: the API's landing page.
        collections: those that are searched; all by default.
        asset: the asset to take from items with several GeoTIFFs.
        poll_s: the pause between two polls.
        lookback_days: how far each search reaches back before the last one, so that items that are published late are
            found.
        filters: which items are wanted.
        asset_roots: where its assets may lie; by default where `RAILWATCH_SCENES_ASSET_ROOTS` says.
        other_origins: where links of the API may lead besides.
        credentials: what each origin gets of us, the API's own and those of assets.
    """

    name: Name
    kind: Literal["stac"]
    url: str = Field(pattern=r"^https?://[^/@]+(/|$)")
    collections: tuple[str, ...] = ()
    asset: str | None = None
    poll_s: Seconds = STAC_POLL_S
    lookback_days: float = Field(default=LOOKBACK_DAYS, gt=0)
    filters: Filters = Filters()
    asset_roots: tuple[AssetRoot, ...] = ()
    other_origins: tuple[OriginText, ...] = ()
    credentials: CredentialsByOrigin = Field(default_factory=dict)


SourceForm = DirectorySource | BucketSource | StacSource


class SourcesFile(Form):
    """The whole file."""

    sources: tuple[Annotated[SourceForm, Field(discriminator="kind")], ...]

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources have the name `{name}`; it must tell them apart")
        return self


def read_sources(settings: Settings) -> tuple[SourceForm, ...]:
    """The sources of the file, and those that single settings name: each of these has the name of its kind.

    Raises:
        ConfigurationError: one line for each fault, with file, line and field.
    """
    found = list(_of_settings(settings))
    if settings.sources.file:
        document = read_yaml(settings.sources.file)
        given = document.validate(SourcesFile)
        taken = {source.name for source in found}
        for number, source in enumerate(given.sources):
            if source.name in taken:
                problem = f"`{source.name}` is the name of the source that a RAILWATCH_* variable sets; take another"
                raise ConfigurationError(document.fault(("sources", number, "name"), problem))
        found += given.sources
    return tuple(found)


def _of_settings(settings: Settings) -> list[SourceForm]:
    ingest, stac = settings.ingest, settings.stac
    found: list[SourceForm] = []
    if ingest.watch_dir:
        found.append(DirectorySource(name="directory", kind="directory", path=ingest.watch_dir, poll_s=ingest.poll_s))
    if ingest.watch_bucket:
        found.append(BucketSource(name="bucket", kind="bucket", url=ingest.watch_bucket, poll_s=ingest.poll_s))
    if stac.url:
        token = {origin_text(stac.url): Credential(bearer=Reference(env="RAILWATCH_STAC_TOKEN"))} if stac.token else {}
        given = stac.model_dump(exclude={"token"})
        found.append(StacSource(name="stac", kind="stac", credentials=token, **given))
    return found
