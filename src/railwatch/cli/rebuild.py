"""`railwatch rebuild`: make a service's state in Redis anew from the topics."""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from railwatch.cli.person import act_by
from railwatch.shared.environment import load
from railwatch.shared.settings import KafkaSettings, ServiceSettings


class Rebuildable(StrEnum):
    """The services whose state in Redis can be made from the topics."""

    DETECTOR = "detector"
    ALERTING = "alerting"


class _Settings(ServiceSettings):
    kafka: KafkaSettings


def rebuild(
    service: Annotated[Rebuildable, typer.Argument(help="The service whose state is rebuilt. Stop it first.")],
    by: Annotated[str, typer.Option(help="Who orders it: goes on record. The user who runs it, if not given.")] = "",
) -> None:
    """Make a service's state in Redis anew from the topics: after Redis was lost, or after an upgrade.

    Nobody is notified. The command uses the RAILWATCH_* settings of the service. `detector` gets its current
    baselines back, `alerting` its observations and alerts. Counts that the archive lacks are put into it.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a Job that is ended gives its lease back
    with _on_record(service, by):
        _rebuild(service)


def _rebuild(service: Rebuildable) -> None:
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


@contextmanager
def _on_record(service: Rebuildable, by: str) -> Iterator[None]:
    from railwatch.shared.bus import Publisher
    from railwatch.shared.bus.recording import recorded
    from railwatch.shared.events import ActKind

    act = act_by(by, ActKind.REBUILD, service.value)
    with closing(Publisher(load(_Settings).kafka)) as publisher, recorded(publisher.publish, act):
        yield
