"""The Compose file as Compose reads it."""

import re
from pathlib import Path
from typing import Any

import yaml

COMPOSE_DIRECTORY = Path(__file__).parents[2] / "deploy" / "compose"


def composed() -> dict[str, Any]:
    """What the Compose file says with the variables of its `.env`."""
    given = dict(line.split("=", 1) for line in (COMPOSE_DIRECTORY / ".env").read_text().splitlines() if "=" in line)
    filled = re.sub(
        r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}",
        lambda found: given.get(found[1]) or found[2] or f"<{found[1]}>",
        (COMPOSE_DIRECTORY / "compose.yaml").read_text(),
    )
    parsed: dict[str, Any] = yaml.safe_load(filled)
    return parsed
