"""`railwatch token`: make tokens for senders, readers and operators."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from railwatch.shared.access import Role, Scope

token = typer.Typer(help="Make tokens for those who push scenes, read, acknowledge or operate.", no_args_is_help=True)


@token.callback()
def of_tokens() -> None:
    """Make tokens for those who push scenes, read, acknowledge or operate."""


@token.command()
def new(
    name: Annotated[str, typer.Argument(help="Who gets the token. Events say this name.", show_default=False)],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What the token is good for; several times for several.")
    ] = None,
    role: Annotated[
        Role | None,
        typer.Option(
            help="A short form of scopes. reader: read. analyst: read, acknowledge, verdict. operator: these, and "
            "operate, draw. With --scope, both count."
        ),
    ] = None,
    file: Annotated[
        Path, typer.Option(envvar="RAILWATCH_TOKENS_FILE", show_envvar=True, help="The file of tokens.")
    ] = Path("tokens.yaml"),
    site: Annotated[
        list[str] | None, typer.Option(help="A site that it is valid for; several times for several. Default: all.")
    ] = None,
) -> None:
    """Make a token, add its hash to the file, and print the token. It is shown this once: the file does not hold it."""
    from railwatch.shared.access import new_entry, read_entries
    from railwatch.shared.errors import ConfigurationError

    scopes = {*(scope or ()), *(role.scopes if role else ())}
    if not scopes:
        raise typer.BadParameter("say what the token is good for", param_hint="--scope or --role")
    try:
        secret, entry = new_entry(name, scopes, site or ())
    except ValueError:
        raise ConfigurationError("A name and a site have letters, digits, dots, hyphens and underscores.") from None
    if file.exists():
        read_entries(file)
    _append(file, entry)
    typer.echo(f"Added {name} to {file}. The services read it by themselves. The token, shown this once:", err=True)
    typer.echo(secret)


def _append(file: Path, entry: str) -> None:
    """Add an entry in one step, so that no service reads half a file."""
    before = file.read_text() if file.exists() else ""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o640
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}-", delete=False) as whole:
        whole.write(before + ("\n" if before and not before.endswith("\n") else "") + entry)
    Path(whole.name).chmod(mode)
    Path(whole.name).replace(file)
