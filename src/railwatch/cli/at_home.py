"""The system that `railwatch up` runs in this folder: commands find it by themselves."""

import os
from pathlib import Path

from rich.console import Console

from railwatch.demo.environment import FILE, environment_of

# Commands that work on a running system.
FIND_IT = frozenset(
    {"audit", "backfill", "baseline", "dead-letters", "export", "listen", "push", "recount", "verdicts"}
)
DATA = Path("railwatch-data")


def find(command: str | None) -> None:
    """Set the RAILWATCH_* variables of the system that runs here, for a command that needs one and is told of none."""
    if command not in FIND_IT or any(name.startswith(("RAILWATCH_KAFKA_", "RAILWATCH_PUSH_")) for name in os.environ):
        return
    variables = environment_of(DATA)
    if not variables:
        return
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    told = f"On the system of `railwatch up`, by {DATA / FILE}."
    Console(stderr=True, soft_wrap=True).print(told, style="dim", markup=False, highlight=False)


def hint(error: Exception) -> str:
    """What a person may have forgotten, if an error says that the settings of a system are missing."""
    if "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS is missing" not in str(error):
        return ""
    return f"\nIf you meant the system of `railwatch up`: it does not run here, or {DATA} is in another folder."
