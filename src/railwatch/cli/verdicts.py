"""`railwatch verdicts` and `railwatch model`: a labelled set from verdicts, and whether a new model is better."""

from pathlib import Path
from typing import Annotated

import typer

from railwatch.shared.errors import RailwatchError

verdicts = typer.Typer(help="What people said of looks and alerts.", no_args_is_help=True)
model = typer.Typer(help="The detector's model.", no_args_is_help=True)


@verdicts.callback()
def _verdicts() -> None:
    """Keeps `export` a command of its own while it is the only one."""


@model.callback()
def _model() -> None:
    """Keeps `compare` a command of its own while it is the only one."""


@verdicts.command()
def export(
    output: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to write; it must not be there.")],
    held_out: Annotated[
        float, typer.Option("--held-out", min=0, max=1, help="Share of the sites that are held out, each as a whole.")
    ] = 0.3,
) -> None:
    """Write the tiles of looks that people judged as a whole, with their cars, as COCO and GeoJSON.

    FOLDER/train is what `make train IMAGERY=FOLDER/train` takes, FOLDER/held-out is for `railwatch model compare`. The
    command uses the RAILWATCH_* settings of alerting.
    """
    from railwatch.services.alerting.archive.store import Archive
    from railwatch.services.alerting.products.catalogue import Products
    from railwatch.services.alerting.settings import Settings
    from railwatch.services.alerting.state.store import Store
    from railwatch.shared.blobs import BlobStore
    from railwatch.shared.environment import load
    from railwatch.shared.sites import known_sites
    from railwatch.shared.state import connect
    from railwatch.training.labelled import HELD_OUT, TRAIN, write_labelled

    settings = load(Settings)
    blobs = BlobStore.open(settings.blobs)
    products = Products(
        store=Store(connect(settings.redis)),
        sites=known_sites(settings).sites,
        archive=Archive(blobs.objects),
        span=settings.alerting.pass_span,
        public_url=settings.alerting.public_url,
    )
    written = write_labelled(products, blobs, output, held_out)
    told = ", ".join(f"{number} {what}" for what, number in written.items())
    if not written[TRAIN] + written[HELD_OUT]:
        raise RailwatchError(f"No tile could be written, since no look was judged as a whole that can be used: {told}.")
    typer.echo(f"{output}: {told}", err=True)


@model.command()
def compare(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A folder with the files of the new model.")],
    held_out: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Labelled tiles of sites that no model has learned from.")
    ],
    old: Annotated[
        Path | None, typer.Option("--old", metavar="FOLDER", help="The present model; by default the one in use.")
    ] = None,
) -> None:
    """Count held-out tiles with both models. Exit code 1 if the new one is not better: then it must not be used."""
    from railwatch.services.detector.cars.evidence import MODEL_FILE
    from railwatch.training.compare import compare as both
    from railwatch.training.compare import model_of

    found = both(model_of(old or MODEL_FILE.parent), model_of(new), held_out)
    typer.echo(f"{found.tiles} tiles of {found.sites} sites with {found.cars} cars")
    for name, some in (("present", found.old), ("new", found.new)):
        missed, false, held = (
            sum(values) for values in zip(*((o.missed, o.false, o.holds) for o in some), strict=True)
        )
        typer.echo(f"{name:8} {missed} missed, {false} false, {held} of {found.tiles} intervals hold the truth")
    if found.why_not:
        raise RailwatchError(f"{found.why_not} It does not replace the present one.")
    typer.echo(f"The new model is better; that it is at other sites, too, is {found.sure:.0%} sure.")
