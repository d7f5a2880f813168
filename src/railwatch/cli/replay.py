"""`railwatch replay`: the Tumangang episode through services that run elsewhere."""

from pathlib import Path
from typing import Annotated

import typer


def replay(
    ingest: Annotated[str, typer.Option(metavar="URL", help="Where ingest is.")] = "http://127.0.0.1:8080",
    alerting: Annotated[str, typer.Option(metavar="URL", help="Where alerting is.")] = "http://127.0.0.1:8082",
    token: Annotated[
        str, typer.Option(envvar="RAILWATCH_REPLAY_TOKEN", show_envvar=True, help="Bearer token of ingest.")
    ] = "",
) -> None:
    """Replay Tumangang 2023 through running services that know its site (deploy/sites/files)."""
    from railwatch.demo.episode import BASELINE, LOOKS
    from railwatch.demo.replay import Told, rendering
    from railwatch.demo.replay import replay as push_all
    from railwatch.demo.system import System

    def tell(told: Told) -> None:
        typer.echo(f"pushed {told.pushed} of {len(LOOKS) + 1} scenes, judged {len(told.judged)} looks")

    system = System(token=token, logs=Path(), urls={"ingest": ingest, "alerting": alerting})
    with rendering((BASELINE, *LOOKS)) as scenes:
        push_all(system, scenes, tell)
