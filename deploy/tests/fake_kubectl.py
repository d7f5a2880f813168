"""A `kubectl` for scripts, that answers from the overlays and writes down what it is asked for."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.tests.rendering import Resource


@dataclass(frozen=True)
class Ended:
    """How a script ended.

    Attributes:
        result: its exit code and what it printed.
        calls: what it asked kubectl for, without the namespace.
        made: what it had kubectl make; null if nothing.
    """

    result: subprocess.CompletedProcess[str]
    calls: list[str]
    made: Resource | None


def run_script(command: list[str], directory: Path, answers: Mapping[str, str | None]) -> Ended:
    """Run a script beside a fake `kubectl`.

    Args:
        command: the script and its words.
        directory: an empty one for files.
        answers: what to print, by the beginning of what is asked for, as a pattern of the shell; null if nothing
            is there.
    """
    cases = []
    for number, (asked, answer) in enumerate(answers.items()):
        if answer is None:
            cases.append(f"{asked}) exit 1 ;;")
        else:
            (directory / str(number)).write_text(answer)
            cases.append(f"{asked}) cat {directory}/{number} ;;")
    kubectl = directory / "kubectl"
    kubectl.write_text(
        f"""#!/bin/sh
shift 2
echo "$@" >>{directory}/calls
case "$*" in
"create --filename -"*) cat >{directory}/made.json ;;
{chr(10).join(cases)}
esac
"""
    )
    kubectl.chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}", "USER": "night-shift"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    made = directory / "made.json"
    calls = (directory / "calls").read_text().splitlines()
    return Ended(ended, calls, json.loads(made.read_text()) if made.exists() else None)
