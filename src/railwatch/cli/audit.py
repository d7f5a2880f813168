"""`railwatch audit`: who did what that changes something."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.terminal import cell
from railwatch.cli.times import check_span, time_or_day
from railwatch.shared.environment import load
from railwatch.shared.settings import KafkaSettings, ServiceSettings

if TYPE_CHECKING:
    from railwatch.shared.events import ActEvent

# Characters of a name and of a detail in the table; `--json` has all of them.
NAME, DETAIL = 40, 100


class _Settings(ServiceSettings):
    kafka: KafkaSettings


def audit(
    since: Annotated[
        datetime | None, typer.Option("--from", metavar="TIME", parser=time_or_day, help="Done from then on, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", metavar="TIME", parser=time_or_day, help="Done before then, UTC.")
    ] = None,
    site: Annotated[str, typer.Option(help="Acts about this site.")] = "",
    by: Annotated[str, typer.Option(help="Acts by this person, or with the token of this name.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per record, not a table.")] = False,
) -> None:
    """List what people and senders did that changes something: who, how they were let in, what, and the outcome.

    Oldest first. Of an act with several records the table shows the last. To push a scene is no act: the scene's tiles
    name its sender. The command uses the RAILWATCH_KAFKA_* settings of the services.
    """
    check_span(since, until)
    records = [
        act
        for act in read_acts(load(_Settings).kafka)
        if (since is None or act.at >= since)
        and (until is None or act.at < until)
        and (not site or act.site == site)
        and (not by or by in (act.by, act.sender))
    ]
    if as_json:
        for act in records:
            sys.stdout.write(act.model_dump_json() + "\n")
        return
    _print(last_records(records))


def read_acts(settings: KafkaSettings) -> "list[ActEvent]":
    """Every record in the log, each once, by the time of the act.

    Raises:
        TransientError: Kafka does not answer.
    """
    from railwatch.shared.bus.read import read_topic
    from railwatch.shared.events import ActEvent

    found = {act.id: act for partition in read_topic(settings, ActEvent) for act in partition}
    return sorted(found.values(), key=lambda act: (act.at, act.recorded_at))


def last_records(records: "list[ActEvent]") -> "list[ActEvent]":
    """The last record of each act."""
    last = {(act.at, act.act, act.site, act.about, act.by, act.sender): act for act in records}
    return list(last.values())


def _print(acts: "list[ActEvent]") -> None:
    table = Table("when", "who", "by", "act", "site", "about", "outcome", "detail", box=None, header_style="bold")
    for act in acts:
        token = f" ({act.sender})" if act.sender and act.sender != act.by else ""
        table.add_row(
            f"{act.at:%Y-%m-%d %H:%M:%S}",
            cell(f"{act.by or '-'}{token}"[:NAME]),
            act.admission.value,
            act.act,
            act.site or "-",
            cell(act.about[:NAME]),
            act.outcome.value,
            cell(act.detail[:DETAIL]),
        )
    if acts:
        Console().print(table)
    typer.echo(f"{len(acts)} acts." if len(acts) != 1 else "1 act.")
