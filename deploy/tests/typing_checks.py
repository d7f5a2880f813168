"""Whether a command of the documents can be typed as it stands: one check for each tool."""

import re
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import trustme
import typer
from typer.core import TyperGroup

from deploy.tests.commands import OPERATE, REBUILD, ROOT, TYPED
from deploy.tests.in_production import A_POD, KINDS, OF_THE_CLUSTER, PRODUCTION, is_selected, names_of
from deploy.tests.operating import KAFKA_TOOLS, operated
from deploy.tests.rendering import name_of, of_kind
from railwatch.cli import app

# Options whose next word is theirs.
WITH_VALUE = {"-n", "--selector", "--since", "--tail", "--for", "--timeout", "--replicas", "--kustomize", "--output"}
# What the words in capitals stand for here.
PLACEHOLDERS = {
    "SITE": "tumangang",
    "TILE": "r0c0",
    "SCENE": "a-scene",
    "WHY": "a reason",
    "ID": "0a1b",
    "N": "2",
    "L": "3",
}


def _kubectl(words: list[str], typed: bool) -> None:
    """kubectl itself takes the words, up to the server, which is not there. What they name is in production."""
    nowhere = ["--kubeconfig", "/dev/null", "--server", "http://127.0.0.1:1", "--request-timeout", "1s"]
    asked = subprocess.run(
        ["kubectl", *nowhere, *words], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert "connection to the server 127.0.0.1:1 was refused" in asked.stderr or "dial tcp 127.0.0.1:1" in asked.stderr
    end = words.index("--") if "--" in words else len(words)
    if words[end + 1 :]:
        CHECKS[words[end + 1]](words[end + 2 :], typed)
    options = dict(pairwise(words[:end]))
    if "--kustomize" in options:
        assert (ROOT / options["--kustomize"] / "kustomization.yaml").exists()
        return
    kinds, names = _named(words[:end])
    (namespace,) = of_kind(PRODUCTION, "Namespace")
    assert options.get("-n") == (None if OF_THE_CLUSTER.issuperset(kinds) else name_of(namespace))
    for kind, name in names:
        assert name in names_of(kind), f"production has no {kind} {name}"
    for kind in kinds:
        if "--selector" in options:
            assert is_selected(kind, options["--selector"]), f"no {kind} of production has {options['--selector']}"
    if not names and "--selector" not in options:
        assert any(names_of(kind) for kind in kinds), f"production has no {kinds}"


def _named(words: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The kinds, and the resources by kind and name, that the words of kubectl name.

    Logs are those of the pods that a selector takes, so that none of several is left out.
    """
    pairs = zip(["", *words], words, strict=False)
    verb, *rest = [word for before, word in pairs if before not in WITH_VALUE and not word.startswith("-")]
    if verb == "rollout":
        rest = rest[1:]
    if verb == "annotate":
        rest = rest[:-1]
    if not rest:
        return ["Pod"], []
    assert verb != "logs", "the logs of one pod of several"
    if rest == [A_POD]:
        return ["Pod"], [("Pod", A_POD)]
    if "/" in rest[0]:
        names = [(KINDS[kind], name) for kind, _, name in (word.partition("/") for word in rest)]
        return [kind for kind, _ in names], names
    kinds = [KINDS[kind] for kind in rest[0].split(",")]
    return kinds, [(kinds[0], name) for name in rest[1:]]


def _operate(words: list[str], typed: bool) -> None:
    if len(words) == 1:  # its beginning, in a sentence
        assert not typed
        return
    _, ran = operated("production", *words)
    if words[0] == "kafka":
        assert ran[0] in KAFKA_TOOLS, f"Kafka has no {ran[0]}"
    else:
        _railwatch(list(ran[1:]), typed)


def _rebuild(words: list[str], typed: bool) -> None:
    assert words in (["detector"], ["alerting"])


def _railwatch(words: list[str], typed: bool) -> None:
    """The command exists, and takes these options and values."""
    command: Any = typer.main.get_command(app)
    words = [PLACEHOLDERS.get(word, word) for word in words if word not in ('"..."', "...")]
    path = "railwatch"
    while isinstance(command, TyperGroup) and words:
        path, command = f"{path} {words[0]}", command.commands[words.pop(0)]
    if isinstance(command, TyperGroup) or not (typed or words):
        assert not typed, f"{path} needs a command"
        return
    context = command.make_context(path, words or [], resilient_parsing=not typed)
    assert context.info_name == path


def _redis(words: list[str], typed: bool) -> None:
    assert words[:3] in (["-u", "$REDIS", "--user"], ["-u", '"$REDIS"', "--user"])
    assert words[3] in ("railwatch-operator", "ADMIN")


def _xargs(words: list[str], typed: bool) -> None:
    assert words[0] == "-r"
    CHECKS[words[1]](words[2:], typed)


def _grep(words: list[str], typed: bool) -> None:
    """Each pattern is in a message of the log, or is the level of a line."""
    assert words[::2] == ["-e"] * (len(words) // 2)
    for pattern in words[1::2]:
        if pattern == '"level": "error"':
            continue
        assert any(pattern in message for message in _messages()), f"no line of the log says {pattern!r}"


def _export(words: list[str], typed: bool) -> None:
    used = {name for snippet in TYPED for name in re.findall(r"\$([A-Z_]+)", snippet.text)}
    assert {word.partition("=")[0] for word in words} - {"REDISCLI_AUTH"} <= used


def _make(words: list[str], typed: bool) -> None:
    assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _docker(words: list[str], typed: bool) -> None:
    assert words[:2] == ["compose", "--file"]
    assert (ROOT / words[2]).exists()
    assert words[3] in ("up", "run", "logs")


def _python(words: list[str], typed: bool) -> None:
    assert words[0] == "-m"
    assert find_spec(words[1]), f"there is no module {words[1]}"


def _openssl(words: list[str], typed: bool) -> None:
    """openssl takes the words, and a certificate."""
    pem = trustme.CA().cert_pem.bytes()
    assert subprocess.run(["openssl", *words], input=pem, capture_output=True, check=True).stdout


def _promtool(words: list[str], typed: bool) -> None:
    subprocess.run(["promtool", *words], capture_output=True, check=True, cwd=ROOT)


@cache
def texts() -> tuple[str, ...]:
    """Everything that is written in code and in the files of deploy/."""
    files = [path for folder in ("services", "shared", "src", "deploy") for path in (ROOT / folder).rglob("*")]
    kinds = {".py", ".yaml", ".acl", ".json", ""}
    found = (path for path in files if path.is_file() and path.suffix in kinds and "tests" not in path.parts)
    return tuple(path.read_text(errors="replace") for path in {each.resolve() for each in found})


@cache
def _messages() -> tuple[str, ...]:
    """Every message of the log."""
    logged = re.compile(r"log\.(?:debug|info|warning|error|exception)\(\s*(.+?)[,)]", re.DOTALL)
    return tuple(message for text in texts() for message in logged.findall(text))


CHECKS: dict[str, Callable[[list[str], bool], None]] = {
    "kubectl": _kubectl,
    "railwatch": _railwatch,
    "redis-cli": _redis,
    "xargs": _xargs,
    "grep": _grep,
    "export": _export,
    "make": _make,
    "docker": _docker,
    "python": _python,
    "openssl": _openssl,
    "promtool": _promtool,
    OPERATE: _operate,
    REBUILD: _rebuild,
}
