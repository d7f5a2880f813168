"""Whether a command of the documents can be typed as it stands: one check for each tool."""

import re
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperGroup

from deploy.tests.commands import OPERATE, REBUILD, ROOT, TYPED
from deploy.tests.operating import operated
from deploy.tests.rendering import labels_of, name_of, of_kind, overlay, pod_templates
from railwatch.cli import app

PRODUCTION = overlay("production")
# Kinds as people type them. Those that are not of the cluster's own come with operators.
KINDS = {
    "deployment": "Deployment",
    "pods": "Pod",
    "namespaces": "Namespace",
    "secret": "Secret",
    "kafka": "Kafka",
    "kafkanodepools": "KafkaNodePool",
    "kafkausers": "KafkaUser",
    "scaledobject": "ScaledObject",
    "scaledobjects": "ScaledObject",
    "hpa": "HorizontalPodAutoscaler",
}
# Options whose next word is theirs.
WITH_VALUE = {"-n", "--selector", "--since", "--tail", "--for", "--timeout", "--replicas", "--kustomize"}
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
    assert options.get("-n") == (None if kinds == ["Namespace"] else name_of(namespace))
    for kind, name in names:
        assert name in _names(kind), f"production has no {kind} {name}"
    for kind in kinds:
        if "--selector" in options:
            assert _matches(kind, options["--selector"]), f"no {kind} of production has {options['--selector']}"
    if not names and "--selector" not in options:
        assert any(_names(kind) for kind in kinds), f"production has no {kinds}"


def _named(words: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The kinds, and the resources by kind and name, that the words of kubectl name. Logs are those of pods."""
    pairs = zip(["", *words], words, strict=False)
    verb, *rest = [word for before, word in pairs if before not in WITH_VALUE and not word.startswith("-")]
    if verb == "rollout":
        rest = rest[1:]
    if verb == "annotate":
        rest = rest[:-1]
    if not rest:
        return ["Pod"], []
    if "/" in rest[0]:
        names = [(KINDS[kind], name) for kind, _, name in (word.partition("/") for word in rest)]
        return [kind for kind, _ in names], names
    kinds = [KINDS[kind] for kind in rest[0].split(",")]
    return kinds, [(kinds[0], name) for name in rest[1:]]


def _names(kind: str) -> set[str]:
    if kind == "Secret":  # operators make them
        return {name_of(resource) for resource in of_kind(PRODUCTION, "Secret", "ExternalSecret", "KafkaUser")}
    return {name_of(resource) for resource in of_kind(PRODUCTION, kind)}


def _matches(kind: str, selector: str) -> bool:
    label, _, value = selector.partition("=")
    if kind == "Namespace":
        return f"{label}: {value}" in (ROOT / "deploy" / "kubernetes" / "base" / "network-policies.yaml").read_text()
    if kind == "Pod":
        labels = [labels_of(template) for template in pod_templates(PRODUCTION).values()]
        # Strimzi labels the pods of a cluster and of its pools.
        labels += [{"strimzi.io/cluster": name_of(kafka)} for kafka in of_kind(PRODUCTION, "Kafka")]
    else:
        labels = [resource["metadata"].get("labels", {}) for resource in of_kind(PRODUCTION, kind)]
    return any(each.get(label) == value for each in labels)


def _operate(words: list[str], typed: bool) -> None:
    if len(words) == 1:  # its beginning, in a sentence
        assert not typed
        return
    _, ran = operated("production", *words)
    if words[0] != "kafka":
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
    assert words[:2] in (["-u", "$REDIS"], ["-u", "$REDIS_ADMIN"], ["-u", '"$REDIS"'])


def _xargs(words: list[str], typed: bool) -> None:
    assert words[0] == "-r"
    CHECKS[words[1]](words[2:], typed)


def _grep(words: list[str], typed: bool) -> None:
    """Each pattern is in a message of the log."""
    assert words[::2] == ["-e"] * (len(words) // 2)
    for pattern in words[1::2]:
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
    OPERATE: _operate,
    REBUILD: _rebuild,
}
