"""What is set in an environment, and what is wrong with it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import typer

from railwatch.cli import app
from railwatch.cli.config_connect import answers
from railwatch.cli.config_files import files
from railwatch.cli.variables import TRACEBACK, option_variables, settings_of
from railwatch.shared.environment import examine, nearest
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import PREFIX, TRUSTED, ServiceSettings
from railwatch.shared.variables import Variable, variables_of

# What follows the host of an address, or stands before it, may hold a secret.
_ADDRESS = re.compile(r"(\w+://)(?:[^/@\s,]*@)?([^/?#\s,]*)([^\s,]*)")
# Addresses of which more than the host is shown: a bucket's prefix, a directory, a database.
PLAIN_SCHEMES = ("s3://", "file://", "redis://", "rediss://", "memory://")
UNKNOWN = "is read by no service and no command"


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        given: what is set, by variable. A secret is not shown.
        found: what the files hold and who answered, by variable.
        others: what is set and not read here, with a service that reads it.
        warnings: one sentence for each.
        faults: one sentence for each.
    """

    given: dict[str, str]
    found: dict[str, str]
    others: dict[str, str]
    warnings: tuple[str, ...]
    faults: tuple[str, ...]


def look_at(services: Sequence[str], environment: Mapping[str, str], connect: bool) -> Report:
    """Look at the environment of this process as services would.

    Args:
        services: the services.
        environment: that of this process.
        connect: whether to ask what the settings name.
    """
    faults: dict[str, list[str]] = {}
    whole: dict[str, ServiceSettings] = {}
    known: dict[str, Variable] = {}
    for service in services:
        settings, wrong = examine(settings_of(service))
        for sentence in wrong:
            faults.setdefault(sentence, []).append(service)
        if settings is not None:
            whole[service] = settings
        known |= {variable.name: variable for variable in variables_of(settings_of(service))}
    owners = {variable.name: service for service in SERVICES for variable in variables_of(settings_of(service))}
    given = {name.upper(): value for name, value in sorted(environment.items())}
    looked = files({name: given[name] for name in (*known, TRUSTED) if given.get(name)}, whole.get("ingest"))
    asked = answers(whole) if connect else ()
    found = [*looked, *asked]
    told = faults | {each.text: [] for each in found if each.kind == "fault"}
    shown = {name: _shown(known[name], given[name]) for name in known if name in given}
    if TRUSTED in given:
        shown[TRUSTED] = given[TRUSTED]
    return Report(
        given=shown,
        found={each.about: each.text for each in found if each.kind == "found"},
        others={name: owners[name] for name in given if name in owners and name not in known},
        warnings=(*(each.text for each in found if each.kind == "warning"), *_unread(environment, owners, told)),
        faults=tuple(_whose(sentence, of, services) for sentence, of in told.items()),
    )


def _whose(sentence: str, of: Sequence[str], services: Sequence[str]) -> str:
    return sentence if not of or len(of) == len(services) else f"{sentence} ({', '.join(of)})"


def _shown(variable: Variable, value: str) -> str:
    if variable.secret:
        return "set, not shown" if value else "set to nothing"
    return _ADDRESS.sub(lambda found: found[1] + found[2] + _rest(found[1], found[3]), value)


def _rest(scheme: str, rest: str) -> str:
    if scheme in PLAIN_SCHEMES:
        return rest.partition("?")[0]
    return "/..." if rest.strip("/") else rest


def _unread(environment: Mapping[str, str], owners: Mapping[str, str], faults: Iterable[str]) -> Iterator[str]:
    """A sentence for each variable that nothing reads and that is no fault yet."""
    known = {*owners, TRACEBACK, *(each.name for each in option_variables(typer.main.get_command(app)))}
    told = {fault.partition(" ")[0] for fault in faults}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and not {name, name.upper()} & (known | told):
            close = nearest(name, known)
            yield f"{name} {UNKNOWN}{f': did you mean {close}?' if close else '.'}"
