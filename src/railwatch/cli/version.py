"""`railwatch --version`."""

import platform
from importlib.metadata import version

import typer


def told_at_once(asked: bool) -> None:
    """Print the version of Railwatch and of Python, and exit, if somebody asked."""
    if asked:
        typer.echo(f"railwatch {version('railwatch')} (Python {platform.python_version()})")
        raise typer.Exit
