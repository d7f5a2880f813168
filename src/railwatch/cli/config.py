"""`railwatch config check`: what is set in the environment, and what is wrong with it."""

import os
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from railwatch.cli.terminal import printable

app = typer.Typer(name="config", no_args_is_help=True)


class ServiceName(StrEnum):
    """The services."""

    INGEST = "ingest"
    DETECTOR = "detector"
    ALERTING = "alerting"


STYLES = {"fault": "red", "warning": "yellow"}


@app.callback()
def group() -> None:  # without it, typer takes a single command for the whole: `config`, and no `config check`
    """Check the RAILWATCH_* variables of the environment."""


@app.command()
def check(
    service: Annotated[
        list[ServiceName] | None,
        typer.Option(help="A service that is to start with them; several times for several. Default: all three."),
    ] = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also ask Kafka, Redis, the object store and the bucket of sites once.")
    ] = False,
) -> None:
    """Say what is set in the environment and every fault of it, as the services would. Nothing is started.

    It shows no secret, and of an address its host only. It reads the files that the variables name: sites, tokens,
    sources, certificates. A fault is what keeps a service from starting or from its work; a warning is what is most
    likely a mistake, such as a variable that nothing reads. The exit code is 1 if there is a fault.
    """
    from railwatch.cli.config_check import look_at

    services = tuple(dict.fromkeys(each.value for each in service or ServiceName))
    report = look_at(services, os.environ, connect)
    _print("Set", report.given)
    _print("Found", report.found)
    _print("Read by other services only", report.others)
    for about in ("warning", "fault"):
        for text in report.warnings if about == "warning" else report.faults:
            _say(f"{about}: {text}", STYLES[about])
    if report.faults:
        _say(f"{_count(report.faults, 'fault')}, {_count(report.warnings, 'warning')}.", STYLES["fault"])
        raise typer.Exit(1)
    _say(f"No fault, {_count(report.warnings, 'warning')}: {', '.join(services)} can start.")


def _print(title: str, lines: dict[str, str]) -> None:
    if lines:
        width = max(map(len, lines))
        _say(f"{title}:")
        for name, text in lines.items():
            _say(f"  {name:<{width}}  {text}")


def _say(text: str, style: str | None = None) -> None:
    Console(soft_wrap=True).print(printable(text), style=style, markup=False, highlight=False)


def _count(what: tuple[str, ...], noun: str) -> str:
    return f"{len(what) or 'no'} {noun}{'' if len(what) == 1 else 's'}"
