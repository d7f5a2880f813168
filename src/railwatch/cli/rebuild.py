"""`railwatch rebuild`: make a service's state in Redis anew from the topics."""

from enum import StrEnum
from typing import Annotated

import typer


class Rebuildable(StrEnum):
    """The services whose state in Redis can be made from the topics."""

    DETECTOR = "detector"
    ALERTING = "alerting"


def rebuild(
    service: Annotated[Rebuildable, typer.Argument(help="The service whose state is rebuilt. Stop it first.")],
) -> None:
    """Make a service's state in Redis anew from the topics: after Redis was lost, or after an upgrade.

    Nobody is notified. The command uses the RAILWATCH_* settings of the service. `detector` gets its current
    baselines back, `alerting` its observations and alerts. Counts that the archive lacks are put into it.
    """
    if service is Rebuildable.DETECTOR:
        from railwatch.services.detector import rebuild as detector

        def progress(counts: int) -> None:
            typer.echo(f"{counts} counts read", err=True)

        for tile in detector.run(progress):
            typer.echo(f"{tile.site}/{tile.tile}: {tile.baselines} baselines, {tile.looks} looks")
    else:
        from railwatch.services.alerting import rebuild as alerting

        def archived(counts: int) -> None:
            typer.echo(f"{counts} counts put into the archive", err=True)

        for site in alerting.run(archived):
            typer.echo(f"{site.site}: {site.looks} looks, {site.alerts} alerts")
