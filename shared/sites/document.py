"""A YAML or JSON file that knows the line of each of its fields."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from pydantic import BaseModel, ValidationError

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.text import plain, said

# Longest file. A ConfigMap holds 1 MiB, and ten thousand tracks have some 5 MiB.
MAX_BYTES = 32 * 1024**2
# Levels of lists and objects. GeoJSON has seven. libyaml ends the process at some ten thousand.
DEEPEST = 64
# Characters of a fault. It may quote the file.
MAX_FAULT = 1_000
MAX_QUOTED = 40

# PyYAML's safe loader in C is several times faster, where it is built in.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
# More digits than the largest number has.
_LONG_NUMBER = re.compile(r"\d{310}")

Location = tuple[int | str, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


class Loader(_Safe):  # type: ignore[misc]
    """The safe loader, which knows the line of each value that cannot be, such as the 30th of February."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """The value of a node."""
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # each type has its own
            what = plain(str(node.value), MAX_QUOTED)
            problem = f"{what} is no {node.tag.rpartition(':')[2]}: {error}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


@dataclass(frozen=True)
class Document:
    """The text of a file, and the data in it."""

    path: Path
    text: str
    data: Any

    def fault(self, location: Location, message: str) -> str:
        """One sentence that says what is wrong, with the file, the line and the field."""
        line, known = self._find(location)
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in known).lstrip(".")
        return plain(f"{self.path}:{line}: {field}{': ' if field else ''}{message}", MAX_FAULT)

    def validate(
        self, model: type[ModelT], subject: Callable[[Any, Location], str] = lambda data, location: ""
    ) -> ModelT:
        """The data as `model`.

        Args:
            model: the type that the data must have.
            subject: the beginning of the sentence: what the data at a location is about.

        Raises:
            ConfigurationError: one line per fault.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            faults = (
                self.fault(item["loc"], subject(self.data, item["loc"]) + said(item["msg"])) for item in error.errors()
            )
            raise ConfigurationError("\n".join(faults)) from None

    def _find(self, location: Location) -> tuple[int, Location]:
        """The line of a location, and the location itself.

        Pydantic puts the names of union members into locations. They are left out.
        """
        try:
            node: Any = yaml.compose(self.text.replace("\t", " "), Loader=Loader)
        except yaml.YAMLError:  # JSON that is no YAML, such as an escaped surrogate
            return 1, location
        line = 1
        known: Location = ()
        for depth, part in enumerate(location):
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if pair is None:
                    if depth == len(location) - 1:
                        known = (*known, part)
                    continue
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            known = (*known, part)
        return line, known


def read_yaml(path: Path) -> Document:
    """Reads a YAML file.

    Raises:
        ConfigurationError: it cannot be read, it is not YAML, or it gives a field twice.
    """
    text = _read(path)
    try:
        if sum(map(text.count, "[{-:?")) > DEEPEST:  # each level has one of them
            for line in _too_deep_in_yaml(text):
                raise ConfigurationError(f"{path}:{line}: nested deeper than {DEEPEST} levels")
        loader = Loader(text)
        root = loader.get_single_node()
        document = Document(path, text, None if root is None else loader.construct_document(root))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(f"{path}:{line}: not valid YAML: {error.reason}") from None
    if isinstance(root, yaml.MappingNode):
        keys: set[str] = set()
        for key, _ in root.value:
            if key.value in keys:
                raise ConfigurationError(f"{path}:{key.start_mark.line + 1}: {key.value}: given twice")
            keys.add(key.value)
    return document


def read_json(path: Path) -> Document:
    """Reads a JSON file.

    Raises:
        ConfigurationError: it cannot be read, or it is not JSON.
    """
    text = _read(path)
    if _most_brackets(text) > DEEPEST:
        for line in _too_deep_in_json(text):
            raise ConfigurationError(f"{path}:{line}: nested deeper than {DEEPEST} levels")
    if long := _LONG_NUMBER.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise ConfigurationError(f"{path}:{line}: not valid JSON: a number has more than 309 digits")
    try:
        return Document(path, text, json.loads(text))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None


def _too_deep_in_yaml(text: str) -> Iterator[int]:
    """The lines at which YAML is nested too deeply."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                yield event.start_mark.line + 1 if event.start_mark else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _most_brackets(text: str) -> int:
    """The most brackets that are open anywhere in a text, counting those in strings, too."""
    data = np.frombuffer(text.encode(errors="replace"), np.uint8) | 0x20  # [ and {, ] and } become the same
    steps = (data == ord("{")).astype(np.int32) - (data == ord("}"))
    return int(steps.cumsum().max(initial=0))


def _too_deep_in_json(text: str) -> Iterator[int]:
    """The lines at which JSON is nested too deeply."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > DEEPEST:
                yield text.count("\n", 0, token.start()) + 1
        elif token[0] in "]}":
            depth -= 1


def _read(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe would never end
            path.stat()
            raise ConfigurationError(f"{path}:1: cannot be read: not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigurationError(f"{path}:1: cannot be read: longer than {MAX_BYTES} bytes")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{path}:1: cannot be read: {reason}") from None
