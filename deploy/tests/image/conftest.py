"""The image under test, and Podman to run it with."""

import json
import os
import subprocess
import tomllib
from typing import Any

import pytest

from deploy.tests.rendering import DEPLOY

PROJECT = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
IMAGE = os.environ.get("IMAGE") or f"localhost/railwatch:{PROJECT['version']}"
HARDENED = ("--network=host", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")


def podman(*arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Podman."""
    command = ["podman", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=180, **options)


def run(*arguments: str, environment: dict[str, str] | None = None, entrypoint: str | None = None) -> Any:
    """Run a command in the image as it runs on Kubernetes: read-only, without capabilities."""
    variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
    entry = [f"--entrypoint={entrypoint}"] if entrypoint else []
    return podman("run", "--rm", *HARDENED, *variables, *entry, IMAGE, *arguments, check=False)


@pytest.fixture(scope="session")
def image() -> dict[str, Any]:
    """What Podman says of the image."""
    found: list[dict[str, Any]] = json.loads(podman("image", "inspect", IMAGE).stdout)
    return found[0]
