"""`railwatch up`: the whole system on one's own sites, without Docker, Kafka or Redis."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from railwatch.cli.site import SITES, Sites


def up(
    sites: Sites = SITES,
    data: Annotated[Path, typer.Option(help="The folder of all data. It is kept.")] = Path("railwatch-data"),
    port: Annotated[
        int, typer.Option(min=1024, max=65533, help="Loopback port of ingest. The next two are taken, too.")
    ] = 8080,
) -> None:
    """Run the whole system on your own sites, on this machine, until Ctrl-C.

    It starts a broker, Redis and the three services on loopback, and prints where scenes go in and where the pages are.
    What it holds is in one folder, and comes back when you start it again. It sets the RAILWATCH_* variables of Kafka,
    Redis and the sites itself. All others, such as those of a STAC API or a webhook, are passed on to the services:
    docs/settings.md lists them, and `railwatch config check` says what is wrong with them. Needs the extra `embedded`.
    """
    from railwatch.demo.up import run_up

    run_up(Console(), sites, data, port)
