"""The variables of the services and of the commands, for help, for `railwatch config` and for docs/settings.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand, TyperGroup, TyperOption

from railwatch.cli.plain_help import PlainCommand
from railwatch.shared.settings import ServiceSettings
from railwatch.shared.variables import variables_of

# Set by the person who looks for a fault of ours; the command reads it itself.
TRACEBACK = "RAILWATCH_TRACEBACK"
# Endings of the names of options that hold a secret.
SECRET_ENDINGS = ("_TOKEN", "_SECRET")
MORE = "docs/settings.md explains each. `railwatch config check` says what is set, and every fault of it."


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings of a service."""
    found: type[ServiceSettings] = import_module(f"railwatch.services.{service}.settings").Settings
    return found


@dataclass(frozen=True)
class OptionVariable:
    """A variable that stands for an option of commands.

    Attributes:
        name: its name.
        commands: the commands that have the option.
        option: the option.
        default: its default; empty if it has none.
        secret: whether its value is never shown.
        meaning: what it is for.
    """

    name: str
    commands: tuple[str, ...]
    option: str
    default: str
    secret: bool
    meaning: str


def option_variables(root: object) -> tuple[OptionVariable, ...]:
    """The variables that stand for options, by name.

    Args:
        root: the whole `railwatch` command.
    """
    found: dict[str, OptionVariable] = {}
    for path, parameter in _options(root, ()):
        name = str(parameter.envvar)
        before = found[name].commands if name in found else ()
        default = "" if parameter.default is None else str(parameter.default)
        secret = name.endswith(SECRET_ENDINGS)
        commands = (*before, " ".join(path))
        found[name] = OptionVariable(name, commands, parameter.opts[0], default, secret, parameter.help or "")
    return tuple(found[name] for name in sorted(found))


def _options(command: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], TyperOption]]:
    for parameter in command.params if isinstance(command, TyperCommand | TyperGroup) else ():
        if isinstance(parameter, TyperOption) and parameter.envvar:
            yield path, parameter
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _options(inner, (*path, name))


class ServiceCommand(PlainCommand):
    """A command whose help lists the variables of the service of its name."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, and the variables."""
        super().format_help(ctx, formatter)
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 1))
        for variable in variables_of(settings_of(str(ctx.info_name))):
            default = "must be set" if variable.default is None else variable.default
            table.add_row(variable.name, "secret" if variable.secret else default)
        console = Console()
        console.print("Environment variables, and their defaults:", style="bold")
        console.print(table)
        console.print(f"\n{MORE}\n", markup=False, highlight=False)
