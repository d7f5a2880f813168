"""What a user gets from the wheel: one import name, which leaves the names of others alone, and the command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from railwatch.render import write_pair
from tests.support.rendered import rendered

ROOT = Path(__file__).parents[2]
UV = (sys.executable, "-m", "uv")

# A distribution of somebody else that owns the names of our top folders.
STRANGER = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "stranger"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["services", "shared"]
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What the command prints; a failure shows what it wrote on standard error."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build_wheel(source: Path, out: Path, *options: str) -> Path:
    run(*UV, "build", "--python", sys.executable, *options, "--out-dir", out, source, cwd=ROOT)
    return next(out.glob("*.whl"))


def contents(wheel: Path) -> dict[str, int]:
    """Each file that the wheel installs, with its checksum."""
    with ZipFile(wheel) as archive:
        return {info.filename: info.CRC for info in archive.infolist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel, its locked dependencies, and the other distribution."""
    folder = tmp_path_factory.mktemp("environment")
    stranger = folder / "stranger"
    for name in ("services", "shared"):
        (stranger / name).mkdir(parents=True)
        (stranger / name / "__init__.py").write_text('OWNER = "stranger"\n')
    (stranger / "pyproject.toml").write_text(STRANGER)
    locked = folder / "locked.txt"
    run(*UV, "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--output-file", locked, cwd=ROOT)
    run(*UV, "venv", "--python", sys.executable, folder / "venv", cwd=folder)
    interpreter = folder / "venv" / "bin" / "python"
    install = (*UV, "pip", "install", "--python", interpreter, "--constraint", locked)
    run(*install, wheel, stranger, cwd=folder)
    return interpreter


def test_the_wheel_installs_nothing_outside_its_own_name(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    assert {name.split("/")[0] for name in contents(wheel)} == {"railwatch", f"railwatch-{version}.dist-info"}
    assert {"railwatch/services/ingest/main.py", "railwatch/shared/errors.py"} <= contents(wheel).keys()


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert contents(build_wheel(ROOT, tmp_path)) == contents(wheel)


def test_the_image_is_built_from_the_same_package(wheel: Path, tmp_path: Path) -> None:
    build_stage = (ROOT / "deploy/image/Dockerfile").read_text().split("FROM ")[1]
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", build_stage, re.MULTILINE) for name in line.split()]
    let_through = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_through)
    context = tmp_path / "src"
    context.mkdir()
    for name in copied:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, context)

    def package(wheel: Path) -> dict[str, int]:
        return {name: checksum for name, checksum in contents(wheel).items() if name.startswith("railwatch/")}

    assert package(build_wheel(context, tmp_path / "out", "--wheel")) == package(wheel)


def test_other_people_keep_their_own_shared_and_services(python: Path, tmp_path: Path) -> None:
    code = """
import railwatch.services.detector.main, railwatch.shared.events
import services, shared
print(services.OWNER, shared.OWNER)
"""
    assert run(python, "-c", code, cwd=tmp_path).split() == ["stranger", "stranger"]


def test_the_installed_command_counts(python: Path, tmp_path: Path) -> None:
    pair = rendered("clear").pair
    write_pair(pair, tmp_path)
    command = (python.with_name("railwatch"), "count", "tile.tif", "--baseline", "baseline.tif")
    answer = json.loads(run(*command, "--tracks", "tracks.geojson", "--json", cwd=tmp_path))
    assert answer["low"] <= pair.tile.count <= answer["high"]
