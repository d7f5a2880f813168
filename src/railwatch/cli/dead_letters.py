"""`railwatch dead-letters`: look at what could not be processed, send it again, or drop it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from railwatch.cli.person import decider
from railwatch.cli.terminal import cell, complain, printable
from railwatch.cli.times import check_span, time_or_day
from railwatch.shared.environment import load
from railwatch.shared.errors import ConfigurationError, UnprocessableError
from railwatch.shared.settings import KafkaSettings, ServiceSettings

if TYPE_CHECKING:
    from railwatch.shared.events import DeadLetter, Settled

app = typer.Typer(
    name="dead-letters",
    help="Look at what could not be processed, send it again, or drop it. The command uses the RAILWATCH_KAFKA_* "
    "settings of the services.",
    no_args_is_help=True,
)

# Characters of an id that are printed. They are enough to name it.
SHORT = 8

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Letters, by the beginning of their ids.")]
Reason = Annotated[str, typer.Option(help="Letters with this reason.")]
SiteId = Annotated[str, typer.Option("--site", help="Letters about this site.")]
Since = Annotated[
    datetime | None,
    typer.Option("--from", metavar="TIME", parser=time_or_day, help="Recorded from then on, UTC."),
]
Until = Annotated[
    datetime | None, typer.Option("--to", metavar="TIME", parser=time_or_day, help="Recorded before then, UTC.")
]
By = Annotated[str, typer.Option(help="Who decides: goes on record. The user who runs the command, if not given.")]


class _Settings(ServiceSettings):
    kafka: KafkaSettings


@app.command("list")
def list_letters(
    reason: Reason = "",
    site: SiteId = "",
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were retried or dropped.")] = False,
) -> None:
    """List dead letters, oldest first, and how many there are of each reason."""
    from railwatch.shared.bus.letters import site_of

    letters = _chosen(None, reason, site, since, until, settled=everything)
    table = Table("letter", "recorded", "service", "reason", "site", "about", "state", box=None, header_style="bold")
    for letter in letters:
        table.add_row(
            letter.id[:SHORT],
            f"{letter.recorded_at:%Y-%m-%d %H:%M}",
            letter.service,
            letter.reason,
            site_of(letter) or "-",
            cell(letter.subject[:60]),
            letter.settled.how if letter.settled else "open",
        )
    Console().print(table)
    reasons = sorted({letter.reason for letter in letters})
    counts = (f"{sum(each.reason == reason for each in letters)} {reason}" for reason in reasons)
    typer.echo(", ".join(counts) or "There are none.")


@app.command()
def show(letter: Annotated[str, typer.Argument(metavar="ID", help="The letter, by the beginning of its id.")]) -> None:
    """Print all of a dead letter: why, what it was about, where its record lies, and what was done with it."""
    from railwatch.shared.bus.letters import event_in, site_of

    (found,) = _chosen([letter], settled=True)
    event = event_in(found)
    lines = {
        "letter": found.id,
        "recorded": f"{found.recorded_at.isoformat()} by {found.service}",
        "reason": found.reason,
        "detail": found.detail,
        "about": found.subject,
        "site": site_of(found),
        "sender": found.sender,
        "record": f"{found.original.topic}/{found.original.partition}/{found.original.offset}"
        if found.original
        else None,
        "settled": _words(found.settled) if found.settled else "open",
        "event": event.model_dump_json() if event else None,
    }
    for name, text in lines.items():
        if text is not None:
            typer.echo(printable(f"{name:<9} {text}"))


@app.command()
def retry(
    ids: Ids = None,
    reason: Reason = "",
    site: SiteId = "",
    since: Since = None,
    until: Until = None,
    why: Annotated[str, typer.Option(help="Why: goes on record.")] = "",
    by: By = "",
) -> None:
    """Send the records of dead letters to their topics again, through the same code. A letter is marked, not lost.

    A record that is handled twice changes nothing. A letter whose record fails again has a new letter. The exit code is
    1 if a letter cannot be retried.
    """
    from railwatch.shared.bus import Publisher
    from railwatch.shared.bus.letters import retry as send_again

    letters = _selected(ids, reason, site, since, until)
    kafka = load(_Settings).kafka
    publisher = Publisher(kafka)
    failed = False
    for letter in letters:
        try:
            event = send_again(letter, kafka, publisher, _settled("retried", by, why))
        except UnprocessableError as error:
            complain(f"{letter.id[:SHORT]}: {error}")
            failed = True
        else:
            typer.echo(f"{letter.id[:SHORT]}: sent to {kafka.prefix}{event.TOPIC} again, as {event.id[:SHORT]}")
    publisher.close()
    if failed:
        raise typer.Exit(1)


@app.command()
def drop(
    why: Annotated[str, typer.Option(help="Why: goes on record.")],
    ids: Ids = None,
    reason: Reason = "",
    site: SiteId = "",
    since: Since = None,
    until: Until = None,
    by: By = "",
) -> None:
    """Mark dead letters as dropped: nothing will be done with them. They stay in the topic, with who, when and why."""
    from railwatch.shared.bus import Publisher
    from railwatch.shared.bus.letters import mark

    publisher = Publisher(load(_Settings).kafka)
    for letter in _selected(ids, reason, site, since, until):
        mark(letter, publisher, _settled("dropped", by, why))
        typer.echo(f"{letter.id[:SHORT]}: dropped")
    publisher.close()


def _selected(
    ids: list[str] | None, reason: str, site: str, since: datetime | None, until: datetime | None
) -> Sequence["DeadLetter"]:
    if not (ids or reason or site or since or until):
        raise typer.BadParameter("say which letters: by id, reason, site or time", param_hint="ID... or --reason")
    letters = _chosen(ids, reason, site, since, until)
    if not letters:
        typer.echo("No open dead letter is one of these: nothing was done.")
    return letters


def _chosen(
    ids: list[str] | None,
    reason: str = "",
    site: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    settled: bool = False,
) -> Sequence["DeadLetter"]:
    """The letters that were asked for; without `settled`, those that are open.

    Raises:
        ConfigurationError: an id names no letter, or several.
    """
    from railwatch.shared.bus.letters import matches, read_letters

    check_span(since, until)
    letters = read_letters(load(_Settings).kafka)
    for beginning in ids or ():
        found = [letter for letter in letters if letter.id.startswith(beginning)]
        if len(found) != 1:
            raise ConfigurationError(f"{len(found) or 'No'} dead letters begin with {beginning!r}.")
    return [
        letter
        for letter in letters
        if (settled or letter.settled is None)
        and (not ids or letter.id.startswith(tuple(ids)))
        and matches(letter, reason, site, since, until)
    ]


def _settled(how: Literal["retried", "dropped"], by: str, why: str) -> "Settled":
    from railwatch.shared.events import Settled

    return Settled(how=how, at=datetime.now(UTC), by=decider(by), why=why)


def _words(settled: "Settled") -> str:
    why = f": {settled.why}" if settled.why else ""
    return f"{settled.how} {settled.at:%Y-%m-%d %H:%M} by {settled.by}{why}"
