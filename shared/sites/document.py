"""A YAML or JSON file that knows the line of each of its fields."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from railwatch.shared.errors import ConfigurationError

# PyYAML's safe loader in C is several times faster, where it is built in.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Location = tuple[int | str, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


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
        return f"{self.path}:{line}: {field}{': ' if field else ''}{message}"

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
                self.fault(item["loc"], subject(self.data, item["loc"]) + item["msg"].removeprefix("Value error, "))
                for item in error.errors()
            )
            raise ConfigurationError("\n".join(faults)) from None

    def _find(self, location: Location) -> tuple[int, Location]:
        """The line of a location, and the location itself.

        Pydantic puts the names of union members into locations. They are left out.
        """
        node: Any = yaml.compose(self.text.replace("\t", " "), Loader=Loader)
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
        root = yaml.compose(text, Loader=Loader)
        document = Document(path, text, yaml.load(text, Loader=Loader))  # noqa: S506 - both loaders are safe
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}:1: not valid YAML: {error}") from None
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
    try:
        return Document(path, text, json.loads(text))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}:1: not valid JSON: nested too deeply") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{path}:1: cannot be read: {reason}") from None
