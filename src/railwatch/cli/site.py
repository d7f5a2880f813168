"""`railwatch site`: make, check, list, show and retire sites."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.ground import ground_of
from railwatch.cli.terminal import cell, complain, printable
from railwatch.cli.times import day

app = typer.Typer(
    name="site",
    help="Make the files of a site, check and draw them, and retire a site.",
    no_args_is_help=True,
)

# Where a place's lines are asked for if no file has them.
OVERPASS_URL = "https://overpass-api.de/api/interpreter"


def folder(given: str | Path) -> Path:
    """The folder of the sites, as it is given or by default.

    Raises:
        typer.BadParameter: it is a bucket.
    """
    if str(given).startswith("s3:"):
        raise typer.BadParameter(
            f"{given} is a bucket; give a folder with a copy of its files, or use ingest's page /draw."
        )
    return Path(given)


Sites = Annotated[
    Path,
    typer.Option(
        "--sites",
        envvar="RAILWATCH_SITES_DIR",
        show_envvar=True,
        parser=folder,
        metavar="FOLDER",
        help="The folder of the sites' files.",
    ),
]
SiteId = Annotated[str, typer.Argument(metavar="SITE", help="The site's id, or its YAML file.", show_default=False)]
SITES = Path("sites")


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The site's name. Its id is made of it.")],
    bbox: Annotated[str, typer.Option(metavar="W,S,E,N", help="The ground: west, south, east, north in degrees.")] = "",
    around: Annotated[str, typer.Option(metavar="LAT,LON", help="The ground: a circle around this place.")] = "",
    radius_m: Annotated[float, typer.Option(min=50, max=20_000, help="Radius of the circle, metres.")] = 1_000.0,
    osm: Annotated[
        Path | None,
        typer.Option(
            help="An extract of OpenStreetMap: .osm, .osm.pbf, Overpass JSON or GeoJSON. Without it, an Overpass API "
            "is asked for the lines.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    overpass: Annotated[
        str, typer.Option(metavar="URL", envvar="RAILWATCH_OVERPASS_URL", show_envvar=True, help="The Overpass API.")
    ] = OVERPASS_URL,
    sites: Sites = SITES,
) -> None:
    """Write the files of a new site, with its tracks from OpenStreetMap.

    The lines are split at switches, joined where a track runs on, clipped to the ground and named. Main lines are told
    from sidings and left out of the count. Example: railwatch site init "Muttenz West" --around 47.534,7.641 --radius-m
    800
    """
    from railwatch.shared.errors import ConfigurationError
    from railwatch.shared.sites import CAR_LENGTHS_M, read_site, read_tracks
    from railwatch.siting.files import ATTRIBUTION, write_site
    from railwatch.siting.layout import lay_out
    from railwatch.siting.overpass import ask_overpass

    ground = ground_of(bbox, around, radius_m)
    if osm is not None:
        lines = read_tracks(osm)
    elif ground is not None:
        typer.echo(f"Asking {overpass} for the lines ...", err=True)
        lines = ask_overpass(overpass, ground)
    else:
        raise typer.BadParameter("say where the site lies, or give a file", param_hint="--bbox, --around or --osm")
    for remark in lines.remarks:
        complain(remark)
    tracks = lay_out(lines.tracks, ground, CAR_LENGTHS_M[0])
    if not tracks:
        raise ConfigurationError(f"None of the {len(lines.tracks)} lines lies on this ground; is it the right place?")
    path = write_site(sites, name, tracks, ground, ATTRIBUTION if lines.exported else None)
    _print(path)
    typer.echo(f"\nLook at it:  railwatch site check {read_site(path).site.id} --sites {sites} --image SCENE.tif")


@app.command()
def check(
    site: SiteId,
    image: Annotated[
        Path | None,
        typer.Option(help="A GeoTIFF to draw the site over. Without it, on plain ground.", exists=True, dir_okay=False),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The drawing.", dir_okay=False)] = None,
    sites: Sites = SITES,
) -> None:
    """Say what is wrong with a site and what is missing, and draw it over an image as PNG."""
    from railwatch.shared.sites import read_site
    from railwatch.siting.drawing import draw_site
    from railwatch.siting.files import find_site
    from railwatch.siting.missing import totals, what_is_missing

    file = find_site(sites, site)
    read = read_site(file, with_proposed=True)
    typer.echo(printable(f"{read.site.id}: {read.site.name}: {totals(read.site)}"))
    for remark in (*read.remarks, *what_is_missing(read)):
        typer.echo(f"  - {printable(remark)}")
    path = output or Path(f"{read.site.id}-site.png")
    draw_site(read.site, image, path, read.proposed)
    if len(read.proposed) == len(read.site.tracks):
        confirm = f"railwatch site confirm {read.site.id}"
        typer.echo(f"Drawn to {path}. Services do not take it: none of its tracks is confirmed; {confirm} does so.")
        return
    read_site(file)
    typer.echo(f"Services take it. Drawn to {path}.")


@app.command("list")
def list_sites(sites: Sites = SITES) -> None:
    """List the sites of a folder, also retired and faulty ones."""
    from railwatch.shared.errors import ConfigurationError
    from railwatch.shared.sites import read_site
    from railwatch.shared.sites.load import site_files

    if not sites.is_dir():
        raise ConfigurationError(f"{sites} is not a folder.")
    table = Table("site", "name", box=None, header_style="bold")
    for column in ("tracks", "km", "cells"):
        table.add_column(column, justify="right")
    table.add_column("state")
    faulty = False
    for path in site_files(sites):
        try:
            read = read_site(path, with_proposed=True)
        except ConfigurationError as error:
            faulty = True
            complain(str(error))
            continue
        its = read.site
        state = "proposed only" if len(read.proposed) == len(its.tracks) else "watched"
        if read.retired:
            state = f"retired since {read.retired:%Y-%m-%d}"
        numbers = str(len(its.tracks)), f"{its.track_length_m / 1000:.1f}", str(len(its.cells()))
        table.add_row(its.id, cell(its.name), *numbers, state)
    Console().print(table)
    if faulty:
        raise typer.Exit(1)


@app.command()
def show(site: SiteId, sites: Sites = SITES) -> None:
    """Print a site's tracks, events and decisions."""
    from railwatch.siting.files import find_site

    _print(find_site(sites, site))


@app.command()
def retire(
    site: SiteId,
    on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=day, help="Since when. Today, if not given.")
    ] = None,
    sites: Sites = SITES,
) -> None:
    """Stop watching a site. Its files stay, and so does all that was published about it."""
    from railwatch.siting.files import find_site
    from railwatch.siting.files import retire as retire_in

    read = retire_in(find_site(sites, site), on or datetime.now(UTC).date())
    typer.echo(
        f"{read.site.id} is retired since {read.retired:%Y-%m-%d}. Services that run leave it out within seconds."
    )


def _print(path: Path) -> None:
    from railwatch.shared.sites import read_site, read_tracks
    from railwatch.shared.sites.document import read_yaml
    from railwatch.siting.missing import totals

    read = read_site(path, with_proposed=True)
    its = read.site
    typer.echo(printable(f"{its.id}: {its.name}: {totals(its)}, in {path}"))
    counted = {track.id for track in its.tracks} - set(read.proposed)
    table = Table("track", box=None, header_style="bold")
    table.add_column("length", justify="right")
    table.add_column("counted")
    lines = read_tracks(path.parent / read_yaml(path).data["tracks"])
    for track in lines.tracks + lines.proposed:
        why_not = "no: main line" if track.main else "no: outside the area, or too short"
        if track in lines.proposed:
            why_not = "no: proposed only"
        table.add_row(cell(track.id), f"{track.length_m:.0f} m", "yes" if track.id in counted else why_not)
    Console().print(table)
    for event in its.events:
        typer.echo(printable(f"event {event.at:%Y-%m-%d}: {event.title}"))
    for new in its.new_normal:
        typer.echo(printable(f"new normal since {new.at:%Y-%m-%d}, by {new.by}: {new.reason}"))
    if read.retired:
        typer.echo(f"retired since {read.retired:%Y-%m-%d}")
