"""`railwatch site propose` and `railwatch site confirm`: tracks from a clear image, and a person's word on them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.ground import ground_of
from railwatch.cli.site import SITES, SiteId, Sites
from railwatch.cli.terminal import cell, printable


def propose(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The site's name. Its id is made of it.")],
    image: Annotated[
        Path,
        typer.Argument(metavar="IMAGE", help="A clear GeoTIFF, 0.2 to 0.6 m a pixel.", exists=True, dir_okay=False),
    ],
    bbox: Annotated[str, typer.Option(metavar="W,S,E,N", help="The ground: west, south, east, north in degrees.")] = "",
    around: Annotated[str, typer.Option(metavar="LAT,LON", help="The ground: a circle around this place.")] = "",
    radius_m: Annotated[float, typer.Option(min=50, max=20_000, help="Radius of the circle, metres.")] = 1_000.0,
    sites: Sites = SITES,
) -> None:
    """Write the files of a new site, with tracks proposed from a clear image.

    Nothing is counted on them before somebody has looked at them: `railwatch site check` draws them, and `railwatch
    site confirm` makes them tracks. About 70 % of the tracks are found, and of what is proposed a third or more is
    none: edges of roads and roofs.
    """
    from railwatch.services.detector.imagery.geotiff import read_raster
    from railwatch.shared.errors import ConfigurationError
    from railwatch.shared.sites import read_site
    from railwatch.siting.files import write_site
    from railwatch.siting.proposing.proposing import proposed_tracks

    ground = ground_of(bbox, around, radius_m)
    picture = read_raster(image)
    typer.echo(f"Looking for tracks in {image} ...", err=True)
    found = proposed_tracks(picture, ground)
    if not found:
        raise ConfigurationError(f"No track can be made out in {image}; draw them, or take them from OpenStreetMap.")
    tracks = tuple(track for track, _ in found)
    path = write_site(sites, name, tracks, ground, None, proposed=True)
    table = Table("proposed", box=None, header_style="bold")
    table.add_column("length", justify="right")
    table.add_column("surety", justify="right")
    for track, surety in found:
        table.add_row(cell(track.id), f"{track.length_m:.0f} m", f"{surety:.1f}")
    Console().print(table)
    site = read_site(path, with_proposed=True).site.id
    typer.echo(
        "\nNothing is counted on them yet. "
        f"Look at them:  railwatch site check {site} --sites {sites} --image {image}\n"
        f"Then:  railwatch site confirm {site} --sites {sites} --without TRACK --without TRACK"
    )


def confirm(
    site: SiteId,
    tracks: Annotated[
        list[str] | None, typer.Argument(metavar="[TRACK]...", help="Those to confirm. All, if none is named.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="TRACK", help="One that is no track: it is removed.")
    ] = None,
    sites: Sites = SITES,
) -> None:
    """Confirm that proposed tracks are tracks, so that cars are counted on them."""
    from railwatch.siting.confirming import confirm as confirm_in
    from railwatch.siting.files import find_site

    read = confirm_in(find_site(sites, site), tracks or (), without or ())
    left = f"; {len(read.proposed)} are still proposed" if read.proposed else ""
    typer.echo(printable(f"{read.site.id}: {len(read.site.tracks)} tracks are counted{left}."))
