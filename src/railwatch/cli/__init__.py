"""The `railwatch` command. Each command is a module of its own beside this file."""

import os
import sys
from typing import Annotated

import typer

from railwatch.cli import at_home, baseline, config, dead_letters, services, site
from railwatch.cli.alerts import alerts
from railwatch.cli.audit import audit
from railwatch.cli.backfill import backfill
from railwatch.cli.capacity import capacity
from railwatch.cli.check import check
from railwatch.cli.count import count
from railwatch.cli.demo import demo
from railwatch.cli.export import export
from railwatch.cli.listen import listen
from railwatch.cli.plain_help import read_well
from railwatch.cli.proposals import confirm, propose
from railwatch.cli.push import push
from railwatch.cli.rebuild import rebuild
from railwatch.cli.recount import recount
from railwatch.cli.replay import replay
from railwatch.cli.terminal import complain
from railwatch.cli.token import token
from railwatch.cli.topics import topics
from railwatch.cli.up import up
from railwatch.cli.variables import TRACEBACK, ServiceCommand
from railwatch.cli.verdicts import model, verdicts
from railwatch.cli.version import told_at_once
from railwatch.shared.errors import RailwatchError

app = typer.Typer(
    name="railwatch",
    help=(
        "Counts railcars in satellite images and raises an alert when a site holds more than its own history makes "
        "plausible.\n\n[bold]count[/] and [bold]alerts[/] work on files. [bold]ingest[/], [bold]detector[/] and "
        "[bold]alerting[/] are the services. [bold]demo[/] shows the whole system at work."
    ),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


@app.callback()
def _at_home(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=told_at_once, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    at_home.find(context.invoked_subcommand)


ON_FILES = "Work on files"
ON_SITES = "Make sites"
ON_SYSTEM = "Run the system"
TO_SEE = "Watch the system"

app.command(rich_help_panel=ON_FILES)(count)
app.command(rich_help_panel=ON_FILES)(alerts)
site.app.command()(propose)
site.app.command()(confirm)
app.add_typer(site.app, rich_help_panel=ON_SITES)
app.command(rich_help_panel=ON_SITES)(check)
app.command(rich_help_panel=ON_SYSTEM, cls=ServiceCommand)(services.ingest)
app.command(rich_help_panel=ON_SYSTEM, cls=ServiceCommand)(services.detector)
app.command(rich_help_panel=ON_SYSTEM, cls=ServiceCommand)(services.alerting)
app.command(rich_help_panel=ON_SYSTEM)(up)
app.command(rich_help_panel=ON_SYSTEM)(push)
app.add_typer(config.app, rich_help_panel=ON_SYSTEM)
app.command(rich_help_panel=ON_SYSTEM)(topics)
app.command(rich_help_panel=ON_SYSTEM)(rebuild)
app.command(rich_help_panel=ON_SYSTEM)(recount)
app.command(rich_help_panel=ON_SYSTEM)(backfill)
app.command(rich_help_panel=ON_SYSTEM)(capacity)
app.command(rich_help_panel=ON_SYSTEM)(audit)
app.add_typer(token, name="token", rich_help_panel=ON_SYSTEM)
app.add_typer(baseline.app, rich_help_panel=ON_SYSTEM)
app.add_typer(dead_letters.app, rich_help_panel=ON_SYSTEM)
app.add_typer(verdicts, name="verdicts", rich_help_panel=ON_SYSTEM)
app.add_typer(model, name="model", rich_help_panel=ON_SYSTEM)
app.command(rich_help_panel=TO_SEE)(demo)
app.command(rich_help_panel=TO_SEE)(export)
app.command(rich_help_panel=TO_SEE)(listen)
app.command(rich_help_panel=TO_SEE)(replay)
read_well(app)


def main() -> None:
    """Run the command. Exit code: 0 for success, 1 for failure, 2 for wrong use. An error is one sentence on stderr."""
    try:
        app()
    except RailwatchError as error:
        _fail(str(error) + at_home.hint(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        if isinstance(error, OSError) and error.filename is not None:
            _fail(f"{error.filename}: {error.strerror}.")
        _fail(f"unexpected {type(error).__name__}: {error} ({TRACEBACK}=1 shows where)")


def _fail(message: str) -> None:
    complain(message)
    sys.exit(1)
