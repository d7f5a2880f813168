"""The custom resource definitions of the operators, made from their own packages, without the descriptions.

`make crds` writes the YAML files beside this one, and needs Maven and Go. All four operators are under Apache-2.0.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.tests.crds.sources import SOURCES

DIRECTORY = Path(__file__).parent

Schema = dict[str, Any]


@cache
def definitions() -> tuple[dict[str, Any], ...]:
    """All definitions."""
    files = (DIRECTORY / f"{source.operator}.yaml" for source in SOURCES)
    return tuple(definition for file in files for definition in yaml.safe_load_all(file.read_text()))


@cache
def schema_of(api_version: str, kind: str) -> Schema:
    """The schema of a kind of resource.

    Raises:
        LookupError: no operator serves this kind in this version.
    """
    for definition in definitions():
        spec = definition["spec"]
        for version in spec["versions"]:
            named = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            if named == (api_version, kind) and version["served"]:
                return dict(version["schema"]["openAPIV3Schema"])
    raise LookupError(f"no operator serves {kind} of {api_version}")
