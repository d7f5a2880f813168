"""The documents and docstrings name no file, module or target that is missing in the tree."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The folders that hold what a document may name.
FOLDERS = ("services", "shared", "src", "tests", "deploy", "docs")

PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*/])")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"`(\w+\.(?:py|css|js))`")
DOTTED = re.compile(r"`([a-z_]+(?:\.\w+)+)(?:\(\))?`")
EVENT_TYPE = re.compile(r"railwatch\.[a-z-]+\.v\d")
RUN_MODULE = re.compile(r"python -m ([\w.]+)")
TARGET = re.compile(r"`make ([a-z-]+)")
# A test as the documents name it: its file below `tests/`, or below `deploy/`, and often its function.
TEST = re.compile(r"`((?:unit|integration|contract|e2e|pages|packaging|deploy)/[\w/]+\.py)(?:::(\w+))?")


def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if not is_linked(path)]


def is_linked(path: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents)


@cache
def modules() -> dict[str, Path]:
    """Every module by its import name."""
    found = {}
    for path in sources():
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        parts = parts[1:] if parts[0] == "src" else ["railwatch", *parts] if parts[0] in FOLDERS[:2] else parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """What a module defines or imports at its top, and the fields and methods of its classes as `Class.name`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        names |= set(_names_of(node))
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for inner in node.body for name in _names_of(inner)}
    return frozenset(names)


def _names_of(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)


def is_there(name: str) -> bool:
    """Whether a dotted name, perhaps without its first packages, is a module or something that a module defines."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        ending = "." + ".".join(parts[:cut])
        rest = ".".join(parts[cut:])
        if any(
            f".{module}".endswith(ending) and (not rest or rest in names_in(modules()[module])) for module in modules()
        ):
            return True
    return False


@cache
def packages() -> frozenset[str]:
    """The last names of all packages: a dotted name that begins with one is meant as a reference."""
    return frozenset(name.split(".")[-1] for name, path in modules().items() if path.name == "__init__.py")


def references(text: str) -> Iterator[str]:
    for name in DOTTED.findall(text):
        is_file = name.endswith((".geojson", ".json", ".py"))
        if name.split(".")[0] in packages() and not is_file and not EVENT_TYPE.match(name):
            yield name


def test_every_file_that_is_named_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in [*DOCUMENTS, *sources(), ROOT / "Makefile"]
        for name in PATH.findall(path.read_text())
        if not any(ROOT.glob(name.rstrip("/")))
    ]
    names = {path.name for folder in FOLDERS[:3] for path in (ROOT / folder).rglob("*")}
    missing += [
        f"{path.relative_to(ROOT)}: {name}"
        for path in DOCUMENTS
        for name in FILE.findall(path.read_text())
        if name not in names
    ]
    assert missing == []


def test_every_link_leads_somewhere() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in DOCUMENTS
        for target in LINK.findall(path.read_text())
        if not (path.parent / target).exists()
    ]
    assert missing == []


def test_every_module_that_is_named_exists() -> None:
    texts = {path: path.read_text() for path in [*DOCUMENTS, *sources(), ROOT / "Makefile"]}
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in texts.items()
        for name in [*references(text), *RUN_MODULE.findall(text)]
        if not is_there(name) and name not in ("pip", "venv")
    ]
    assert missing == []


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for path in DOCUMENTS:
        for file, name in TEST.findall(path.read_text()):
            found = ROOT / file if file.startswith("deploy") else ROOT / "tests" / file
            if not found.exists() or (name and f"def {name}(" not in found.read_text()):
                missing.append(f"{path.relative_to(ROOT)}: {file}::{name}")
    assert missing == []


def test_every_promise_has_a_proof() -> None:
    lines = (ROOT / "docs/promises.md").read_text().splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    assert len(rows) > 30
    assert [promise for promise, _, proof in rows if "`" not in proof and promise.strip() != "promise"] == []


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {name for path in DOCUMENTS for name in TARGET.findall(path.read_text())} <= targets


def test_the_architecture_page_draws_every_room_and_every_error() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "services").glob("*/*/__init__.py")}
    errors = {name for name in names_in(ROOT / "shared" / "errors.py") if name.endswith("Error")}
    assert sorted(name for name in rooms | errors if not re.search(rf"\b{name}\b", page)) == []
