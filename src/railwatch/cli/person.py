"""Who runs a command: a decision goes on record under a name."""

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from railwatch.shared.errors import ConfigurationError

if TYPE_CHECKING:
    from railwatch.shared.events import ActEvent, ActKind


def decider(named: str) -> str:
    """Who decides: the name that was given, or the user who runs the command.

    Raises:
        ConfigurationError: no name was given, and the user has none, as in a pod.
    """
    name = named or known_user()
    if name is None:
        raise ConfigurationError("Say who decides, with --by NAME: the user who runs this has no name.")
    return name


def known_user() -> str | None:
    """The user who runs the command; null if they have no name, as in a pod."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def act_by(by: str, act: "ActKind", about: str, site: str | None = None, detail: str = "") -> "ActEvent":
    """The record of what somebody does with the command now.

    Args:
        by: who they say they are; empty for the user who runs the command, if that user has a name.
        act: what they do.
        about: about what.
        site: the site that it is about.
        detail: more in words.
    """
    from railwatch.shared.events import ActEvent, Admission

    present = datetime.now(UTC)
    return ActEvent(
        recorded_at=present,
        act=act,
        at=present,
        by=by or known_user(),
        admission=Admission.COMMAND,
        door="command",
        site=site,
        about=about,
        detail=detail,
    )
