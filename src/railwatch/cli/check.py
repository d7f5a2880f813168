"""`railwatch check`: what ingest would say of a scene or a site, before it is asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from railwatch.cli import site as site_command
from railwatch.cli.terminal import complain, printable, several
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.settings import ServiceSettings

if TYPE_CHECKING:
    from railwatch.siting.forecast import Forecast


def check(
    what: Annotated[
        str, typer.Argument(metavar="SCENE|SITE", help="A GeoTIFF; or a site's id or YAML file.", show_default=False)
    ],
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="The scene's metadata: JSON as ingest takes it, or a STAC Item. By default the file beside the scene "
            "that has its name and ends in .json.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    observed_at: Annotated[
        str, typer.Option(metavar="TIME", help="In place of metadata: when the satellite saw it, with its time zone.")
    ] = "",
    sites: site_command.Sites = site_command.SITES,
) -> None:
    """Say beforehand what ingest would say of a scene or of a site, and why. Nothing is sent or kept.

    The exit code is 1 if a scene would be refused or a site is faulty. Limits are those of RAILWATCH_SCENES_*.
    """
    if not what.lower().endswith((".tif", ".tiff")):
        site_command.check(what, sites=sites)
        return
    _check_scene(Path(what), metadata, observed_at, sites)


def _check_scene(path: Path, metadata: Path | None, observed_at: str, directory: Path) -> None:
    from railwatch.services.ingest.http.problems import PROBLEMS
    from railwatch.services.ingest.settings import SceneSettings
    from railwatch.shared.environment import load
    from railwatch.shared.sites import load_sites
    from railwatch.siting.forecast import forecast, nearest_site

    class Settings(ServiceSettings):
        scenes: SceneSettings = SceneSettings()

    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file.")
    limits = load(Settings).scenes
    catalogue = load_sites(directory)
    for fault in catalogue.faults:
        complain(fault)
    found = forecast(path, _document(path, metadata, observed_at), catalogue, limits)
    if found.refusal is not None:
        refusal = found.refusal
        complain(f"Ingest would refuse it: {PROBLEMS[refusal.reason].status} {refusal.reason}: {refusal.detail}")
        near = nearest_site(path, catalogue, limits) if refusal.reason == "no-site-overlap" else None
        if near:
            complain(f"The nearest site is {near[0].id}, {near[1] / 1000:.1f} km away.")
        raise typer.Exit(1)
    _print(found)


def _print(found: "Forecast") -> None:
    from railwatch.services.detector.imagery.quality import MAX_GSD_M

    if found.receipt is None:
        return
    typer.echo(
        f"Ingest would take it as {found.receipt.role} {found.receipt.scene}: {several(len(found.tiles), 'tile')}."
    )
    for site in found.receipt.sites:
        tiles = [tile for tile in found.tiles if tile.site == site.site]
        gsd_m = max(tile.gsd_m for tile in tiles)
        what = "cars are counted" if gsd_m <= MAX_GSD_M else "metres under trains are measured, cars are not counted"
        cells = ", ".join(tile.tile for tile in tiles)
        typer.echo(
            f"  {site.site}: {cells}; the scene reaches over {found.shown[site.site]:.0%} of its track, {gsd_m:.2f} m "
            f"a pixel: {what}."
        )
    for remark in found.receipt.remarks:
        typer.echo(f"  - {printable(remark)}")


def _document(path: Path, metadata: Path | None, observed_at: str) -> dict[str, Any]:
    """The scene's metadata.

    Raises:
        ConfigurationError: there is none.
        UnprocessableError: it is no JSON object.
    """
    from railwatch.services.ingest.scenes.metadata import parse_json

    beside = metadata or path.with_suffix(".json")
    if observed_at:
        return {"observed_at": observed_at}
    if not beside.is_file():
        raise ConfigurationError(
            f"There is no metadata {beside}: give another file with --metadata, or a time with --observed-at "
            "2023-10-05T02:11:00Z."
        )
    return parse_json(beside.read_bytes())
