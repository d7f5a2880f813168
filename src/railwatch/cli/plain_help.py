"""Help that reads well: paragraphs as wide as the terminal, and no type beside a switch."""

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

from typer import Typer
from typer.core import TyperCommand, TyperGroup, TyperOption


class PlainCommand(TyperCommand):
    """A command whose help reads well."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.help = _flowing(self.help)

    def get_params(self, ctx: Any) -> Any:
        """Its arguments and options."""
        return _switches_without_type(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A group of commands whose help reads well."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.help = _flowing(self.help)

    def get_params(self, ctx: Any) -> Any:
        """Its options."""
        return _switches_without_type(super().get_params(ctx))


def read_well(app: Typer) -> None:
    """Have the help of an app and of everything in it read well. What has a class of its own keeps that."""
    app.info.cls = PlainGroup
    for command in app.registered_commands:
        command.cls = command.cls if command.cls and issubclass(command.cls, PlainCommand) else PlainCommand
    for group in app.registered_groups:
        if group.typer_instance:
            read_well(group.typer_instance)


def _flowing(text: str | None) -> str | None:
    """Each paragraph on one line: the terminal breaks it where it must, and not where the code does, too."""
    return text and "\n\n".join(" ".join(part.split("\n")) for part in cleandoc(text).split("\n\n"))


def _switches_without_type(parameters: Iterable[Any]) -> list[Any]:
    found = list(parameters)
    for parameter in found:
        if isinstance(parameter, TyperOption) and parameter.is_bool_flag:
            parameter.metavar = ""
    return found
