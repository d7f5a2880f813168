"""Each command in docs/operate.md and the runbooks can be typed as it stands, and what else they quote is there."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from deploy.tests.commands import ALL, COMMANDS, OTHERS, TOOLS, TYPED, Snippet
from deploy.tests.typing_checks import CHECKS, texts
from railwatch.cli import app
from railwatch.cli.variables import TRACEBACK, option_variables, settings_of
from railwatch.services.metrics import ALL as METRICS
from railwatch.shared.process import SERVICES
from railwatch.shared.variables import variables_of

# What stands in sentences and is no command: fields of files and of the log, words of others, parts of a command.
OF_OTHERS = {"APIError 401", "APIError 5..", "ACL SETUSER railwatch-ingest >new", 'BASE="... --no-cache"'}
OF_OTHERS |= {"Liveness probe failed", "Notify for alerts failed"}  # kubelet's and Alertmanager's


@pytest.mark.parametrize("snippet", TYPED, ids=str)
def test_every_command_begins_with_a_tool_that_is_known(snippet: Snippet) -> None:
    assert {words[0] for words in snippet.steps()} <= TOOLS


@pytest.mark.parametrize("snippet", COMMANDS, ids=str)
def test_every_command_is_one_that_its_tool_takes(snippet: Snippet) -> None:
    steps = snippet.steps() if snippet.typed else [re.sub(r"[][]", "", snippet.text).split()]
    for words in steps:
        CHECKS[words[0]](words[1:], snippet.typed)


@pytest.mark.parametrize("snippet", OTHERS, ids=str)
def test_what_else_is_quoted_is_a_query_or_stands_in_the_code(snippet: Snippet) -> None:
    if _is_query(snippet.text) or snippet.text in OF_OTHERS:
        return
    if snippet.text.startswith("--") or " --" in snippet.text or "..." in snippet.text:  # the end of a command
        options = [word for word in snippet.text.split() if word.startswith("--")]
        assert options, snippet
        assert set(options) <= _options()
    elif "python -m " in snippet.text:
        CHECKS["python"](snippet.text.partition("python ")[2].split(), False)
    else:
        wanted = _field(snippet.text)
        assert any(wanted in text for text in texts()), f"nothing in the code says {snippet.text!r}"


def test_every_query_is_one_that_prometheus_takes_and_its_metrics_are_ours(tmp_path: Path) -> None:
    queries = sorted({snippet.text for snippet in ALL if _is_query(snippet.text)})
    assert len(queries) > 2
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    named = {name for query in queries for name in re.findall(r"\brailwatch_[a-z_]+", query)}
    assert {re.sub(r"_seconds_(bucket|count|sum)$", "_seconds", name) for name in named} <= {
        each.name for each in METRICS
    }


def test_every_variable_is_a_setting() -> None:
    known = {variable.name for service in SERVICES for variable in variables_of(settings_of(service))}
    known |= {TRACEBACK, *(variable.name for variable in option_variables(typer.main.get_command(app)))}
    named = {name for snippet in ALL for name in re.findall(r"RAILWATCH_[A-Z_0-9]+", snippet.text)}
    assert {
        name for name in named - known if not any(name.endswith("_") and each.startswith(name) for each in known)
    } == set()


def _is_query(text: str) -> bool:
    """Whether it is PromQL: a metric of ours with labels, or a function of it."""
    return bool(re.search(r"\brailwatch_[a-z_]+[{)[]", text))


def _field(text: str) -> str:
    """A field of a file or of the log by its name alone: the value is an example."""
    found = re.fullmatch(r'"?([a-z_-]+)"?: .*', text)
    return found[1] if found else text


@cache
def _options() -> frozenset[str]:
    """Every option of every command of railwatch."""

    def of(command: Any) -> Iterator[str]:
        yield from (option for parameter in command.params for option in parameter.opts)
        for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
            yield from of(inner)

    return frozenset(of(typer.main.get_command(app)))
