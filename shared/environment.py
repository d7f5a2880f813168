"""Reading settings from the environment, with a sentence for each fault."""

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.settings import PREFIX, TRUSTED, Group, ServiceSettings, authorities, existing
from railwatch.shared.text import said

S = TypeVar("S", bound=ServiceSettings)

# The variables of commands, which no service reads.
OF_COMMANDS = tuple(f"{PREFIX}{name}_" for name in ("LISTEN", "OVERPASS", "PUSH"))


def load(settings_type: type[S]) -> S:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: one sentence for each fault. It names the variable, and never shows a secret.
    """
    faults = [*_misspelt(settings_type), *_untrusted()]
    try:
        settings = settings_type()
    except ValidationError as error:
        faults = [sentence for fault in error.errors() for sentence in _sentences(settings_type, fault)] + faults
    if faults:
        raise ConfigurationError("\n".join(faults))
    return settings


def _groups(settings_type: type[ServiceSettings]) -> dict[str, type[Group]]:
    return {
        name: field.annotation
        for name, field in settings_type.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
    }


def _variable(*loc: object) -> str:
    return PREFIX + "_".join(str(part) for part in loc).upper()


def _sentences(settings_type: type[ServiceSettings], fault: object) -> Iterator[str]:
    loc, kind, message = fault["loc"], fault["type"], fault["msg"]  # type: ignore[index]
    if not loc:
        yield said(message) + "."
        return
    group = _groups(settings_type)[loc[0]]
    if kind == "missing":
        for name, field in group.model_fields.items():
            if field.is_required() and loc[1:] in ((), (name,)):
                yield f"{_variable(loc[0], name)} is missing: {field.description}."
    elif kind == "extra_forbidden":
        yield _unknown(_variable(*loc), settings_type)
    elif len(loc) == 1:
        yield re.sub(
            r"\b[A-Z][A-Z0-9_]*\b",
            lambda word: _variable(loc[0], word[0]) if word[0].lower() in group.model_fields else word[0],
            said(message) + ".",
        )
    elif kind == "string_pattern_mismatch" and group.model_fields[loc[1]].description:
        yield f"{_variable(*loc[:2])} is wrong: it should be {group.model_fields[loc[1]].description}."
    else:
        message = said(message)
        if kind == "too_short" and isinstance(fault["input"], str):  # type: ignore[index]
            message = message.replace("items after validation", "characters")
        yield f"{_variable(*loc[:2])} is wrong: {message[0].lower()}{message[1:]}."


def _misspelt(settings_type: type[ServiceSettings]) -> Iterator[str]:
    """Variables of unknown groups whose names are close to a known one. Other variables belong to other services."""
    groups = (*OF_COMMANDS, *(_variable(name) + "_" for name in _groups(settings_type)))
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
    nearest = _nearest(variable, settings_type)
    return f"{variable} is not a setting" + (f": did you mean {nearest}?" if nearest else ".")


def _nearest(variable: str, settings_type: type[ServiceSettings]) -> str | None:
    known = [_variable(name, field) for name, group in _groups(settings_type).items() for field in group.model_fields]
    return next(iter(difflib.get_close_matches(variable.upper(), known, n=1, cutoff=0.85)), None)
