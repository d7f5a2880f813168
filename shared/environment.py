"""Reading settings from the environment, with a sentence for each fault."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import PREFIX, TRUSTED, ServiceSettings, authorities, existing
from railwatch.shared.text import said
from railwatch.shared.variables import groups_of, variable_name, variables_in, variables_of

S = TypeVar("S", bound=ServiceSettings)

# The variables of commands, which no service reads, and those of single services, which may share one environment.
OF_OTHERS = tuple(f"{PREFIX}{name.upper()}_" for name in ("LISTEN", "OVERPASS", "PUSH", *SERVICES))


def load(settings_type: type[S]) -> S:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: one sentence for each fault. It names the variable, and never shows a secret.
    """
    settings, faults = examine(settings_type)
    if settings is None or faults:
        raise ConfigurationError("\n".join(faults))
    return settings


def examine(settings_type: type[S]) -> tuple[S | None, list[str]]:
    """The settings of the environment, and one sentence for each fault. They are null if a fault leaves none."""
    settings, faults = None, [*_misspelt(settings_type), *_untrusted()]
    try:
        settings = settings_type()
    except ValidationError as error:
        faults = [sentence for fault in error.errors() for sentence in _sentences(settings_type, fault)] + faults
    return settings, [*dict.fromkeys(faults)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known variable whose name is closest to a name that is not known; null if none is close."""
    return next(iter(difflib.get_close_matches(name.upper(), [*known], n=1, cutoff=0.85)), None)


def _sentences(settings_type: type[ServiceSettings], fault: object) -> Iterator[str]:
    loc, kind, message = fault["loc"], fault["type"], said(fault["msg"])  # type: ignore[index]
    if not loc:
        yield f"{message}."
        return
    group = groups_of(settings_type)[loc[0]]
    if kind == "missing":
        for name, field in group.model_fields.items():
            if field.is_required() and loc[1:] in ((), (name,)):
                yield f"{variable_name(loc[0], name)} is missing: {field.description}."
    elif kind == "extra_forbidden":
        yield _unknown(variable_name(*loc), settings_type)
    elif kind == "model_type":
        known = [variable.name for variable in variables_in(loc[0], group)]
        yield f"{variable_name(*loc)} is not a setting: did you mean {nearest(variable_name(*loc), known) or known[0]}?"
    elif len(loc) == 1:
        yield re.sub(
            r"\b[A-Z][A-Z0-9_]*\b",
            lambda word: variable_name(loc[0], word[0]) if word[0].lower() in group.model_fields else word[0],
            f"{message}.",
        )
    else:
        (variable,) = (each for each in variables_in(loc[0], group) if each.name == variable_name(*loc[:2]))
        yield f"{variable.name} is wrong: {message if kind == 'value_error' else f'it should be {variable.takes}'}."


def _misspelt(settings_type: type[ServiceSettings]) -> Iterator[str]:
    """Variables of unknown groups whose names are close to a known one. Other variables belong to other services."""
    groups = (*OF_OTHERS, *(variable_name(name) + "_" for name in groups_of(settings_type)))
    for variable in sorted(os.environ):
        upper = variable.upper()
        if upper.startswith(PREFIX) and not upper.startswith(groups) and _nearest(upper, settings_type):
            yield _unknown(variable, settings_type)


def _untrusted() -> Iterator[str]:
    """A fault of the file of authorities. Without this, it would show when the first connection is made."""
    try:
        if file := os.environ.get(TRUSTED):
            authorities(existing(Path(file)))
    except ValueError as error:
        yield f"{TRUSTED} is wrong: {error}."


def _unknown(variable: str, settings_type: type[ServiceSettings]) -> str:
    known = _nearest(variable, settings_type)
    return f"{variable} is not a setting" + (f": did you mean {known}?" if known else ".")


def _nearest(name: str, settings_type: type[ServiceSettings]) -> str | None:
    return nearest(name, (variable.name for variable in variables_of(settings_type)))
