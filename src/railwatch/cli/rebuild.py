"""`railwatch rebuild`: make a service's state in Redis again from the topics."""

from enum import StrEnum
from typing import Annotated

import typer


class Rebuildable(StrEnum):
    """The services that keep state in Redis which the topics can give back."""

    DETECTOR = "detector"
    ALERTING = "alerting"


def rebuild(
    service: Annotated[Rebuildable, typer.Argument(help="Whose state; the service is to be stopped meanwhile.")],
) -> None:
    """Make a service's state in Redis again from the topics, after Redis was lost. Nobody is notified.

    Takes the service's own RAILWATCH_* settings. `detector`: the current baselines. `alerting`: windows and alerts.
    """
    if service is Rebuildable.DETECTOR:
        from railwatch.services.detector import rebuild as detector

        for tile in detector.run():
            typer.echo(f"{tile.site}/{tile.tile}: {tile.baselines} baselines, {tile.looks} looks")
    else:
        from railwatch.services.alerting import rebuild as alerting

        for site in alerting.run():
            typer.echo(f"{site.site}: {site.looks} looks, {site.alerts} alerts")
