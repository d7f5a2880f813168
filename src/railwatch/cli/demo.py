"""`railwatch demo`: the Tumangang episode of 2023, from pushed scene to alert."""

from typing import Annotated

import typer
from rich.console import Console


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the system running and print its URLs, until Ctrl-C.")
    ] = False,
    facts: Annotated[
        bool,
        typer.Option(
            "--facts", help="Replay 58 looks of 2022 to 2024, rendered from public reports, and compare with them."
        ),
    ] = False,
) -> None:
    """Replay "Tumangang 2023" through the whole system, on rendered pictures, and show the alert.

    The demo starts a broker, Redis and the three services on loopback ports. It pushes about thirty looks to ingest,
    prints what was seen, and stops everything. It writes build/demo/: summary.json, evidence/, logs/.
    """
    from railwatch.demo.run import ON_FACTS, SHORT, run_demo

    run_demo(Console(), keep=keep, episode=ON_FACTS if facts else SHORT)
