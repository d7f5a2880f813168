"""Who runs a command: a decision goes on record under a name."""

import getpass

from railwatch.shared.errors import ConfigurationError


def decider(named: str) -> str:
    """Who decides: the name that was given, or the user who runs the command.

    Raises:
        ConfigurationError: no name was given, and the user has none, as in a pod.
    """
    try:
        return named or getpass.getuser()
    except (KeyError, OSError):
        raise ConfigurationError("Say who decides, with --by NAME: the user who runs this has no name.") from None
