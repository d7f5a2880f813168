"""`railwatch export`: sites, looks, cars and alerts as files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from railwatch.cli.times import check_span, time_or_day
from railwatch.services.alerting.export.forms import FileFormat
from railwatch.services.alerting.products.columns import Product

_ENDINGS = {
    ".csv": FileFormat.CSV,
    ".parquet": FileFormat.PARQUET,
    ".geoparquet": FileFormat.PARQUET,
    ".gpkg": FileFormat.GEOPACKAGE,
}


def export(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The file to write; for STAC, a folder.")],
    products: Annotated[
        list[Product] | None,
        typer.Argument(metavar="sites|looks|cars|alerts", help="What to write; by default looks."),
    ] = None,
    form: Annotated[
        FileFormat | None, typer.Option("--format", help="By default, what the ending of OUTPUT says.")
    ] = None,
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only of this site.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", metavar="TIME", parser=time_or_day, help="Not before this time, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", metavar="TIME", parser=time_or_day, help="Before this time, UTC.")
    ] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="Only what touches this box, in degrees.")] = None,
) -> None:
    r"""Write sites, looks, cars and alerts to a file: CSV, GeoParquet or GeoPackage; or looks to a STAC catalogue.

    The command uses the RAILWATCH_* settings of alerting, and reads its archive and its Redis. GeoParquet and
    GeoPackage need the extra railwatch\[export]. A GeoPackage takes several products, as layers.
    """
    from railwatch.services.alerting.export.run import run
    from railwatch.services.alerting.products.query import BadQueryError, Query, read_bbox

    form = form or _ENDINGS.get(output.suffix.lower())
    if form is None:
        raise typer.BadParameter("OUTPUT must end in .csv, .parquet or .gpkg, or --format must say what it is.")
    wanted = list(dict.fromkeys(products or [Product.LOOKS]))
    if form is FileFormat.STAC and wanted != [Product.LOOKS]:
        raise typer.BadParameter("A STAC catalogue has looks, and their cars as assets; name no other product.")
    if form in (FileFormat.CSV, FileFormat.PARQUET) and len(wanted) > 1:
        raise typer.BadParameter(f"A file of the format {form} takes one product; a GeoPackage takes several.")
    check_span(since, until)
    try:
        ground = read_bbox(bbox) if bbox else None
    except BadQueryError as error:
        raise typer.BadParameter(str(error)) from None
    written = run(output, form, wanted, Query(ground, since, until, site))
    typer.echo(f"{output}: {', '.join(f'{number} {what}' for what, number in written.items())}", err=True)
