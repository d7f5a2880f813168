"""`railwatch replay`: push the Tumangang episode through services that run elsewhere."""

from pathlib import Path
from typing import Annotated

import typer


def replay(
    ingest: Annotated[str, typer.Option(metavar="URL", help="URL of ingest.")] = "http://127.0.0.1:8080",
    alerting: Annotated[str, typer.Option(metavar="URL", help="URL of alerting.")] = "http://127.0.0.1:8082",
    token: Annotated[
        str, typer.Option(envvar="RAILWATCH_REPLAY_TOKEN", show_envvar=True, help="Bearer token for ingest.")
    ] = "",
) -> None:
    """Replay Tumangang 2023 through running services that know its site (deploy/sites/files)."""
    from railwatch.demo.episode import BASELINE, LOOKS
    from railwatch.demo.replay import STALLED_S, ReplayProgress, rendering
    from railwatch.demo.replay import replay as push_all
    from railwatch.demo.system import System
    from railwatch.services.alerting.settings import AlertingSettings

    def show(progress: ReplayProgress) -> None:
        typer.echo(f"pushed {progress.pushed} of {len(LOOKS) + 1} scenes, judged {len(progress.judged)} looks")

    system = System(token=token, logs=Path(), urls={"ingest": ingest, "alerting": alerting})
    with rendering((BASELINE, *LOOKS)) as scenes:
        push_all(system, scenes, show, patience_s=STALLED_S + AlertingSettings().scene_wait_s)
