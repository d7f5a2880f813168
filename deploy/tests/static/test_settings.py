"""What the overlays say to the services is what the services read."""

import os
from pathlib import Path
from types import ModuleType

import pytest

import railwatch.services.alerting.settings
import railwatch.services.detector.settings
import railwatch.services.ingest.settings
from deploy.tests.rendering import (
    DEPLOY,
    environment,
    every_overlay,
    name_of,
    of_kind,
    overlay,
    pod_templates,
)
from railwatch.services.ingest.sources.forms import SourcesFile
from railwatch.shared.environment import load
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import PREFIX
from railwatch.shared.sites import load_sites
from railwatch.shared.sites.document import read_yaml
from tests.support.tls_proxy import CERTIFICATE

SETTINGS: dict[str, ModuleType] = {
    "ingest": railwatch.services.ingest.settings,
    "detector": railwatch.services.detector.settings,
    "alerting": railwatch.services.alerting.settings,
}


@every_overlay
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_the_variables_it_is_given(
    name: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(overlay(name), pod_templates(overlay(name))[f"railwatch-{service}"])
    for variable in [*os.environ]:
        if variable.startswith(PREFIX):
            monkeypatch.delenv(variable)
    for variable, value in given.items():
        monkeypatch.setenv(
            variable, str(CERTIFICATE) if variable.endswith(("_CAFILE", "_TOKENS_FILE", "_SOURCES_FILE")) else value
        )
    settings = load(SETTINGS[service].Settings)
    assert settings.http.host == "0.0.0.0"  # noqa: S104


@every_overlay
def test_every_variable_is_a_setting_of_some_service(name: str) -> None:
    known = {
        f"{PREFIX}{group}_{field}".upper()
        for module in SETTINGS.values()
        for group, declared in module.Settings.model_fields.items()
        for field in declared.annotation.model_fields
    }
    for workload, template in pod_templates(overlay(name)).items():
        if workload == "railwatch-replay":
            continue  # a command, whose token is an option
        for container in template["spec"]["containers"]:
            given = {variable["name"] for variable in container.get("env", ())} | set(
                environment(overlay(name), template)
            )
            assert {variable for variable in given if variable.startswith(PREFIX)} <= known


def test_the_example_of_sources_is_one_that_ingest_reads() -> None:
    file = read_yaml(DEPLOY / "kubernetes" / "components" / "sources" / "sources.yaml")
    assert [source.kind for source in file.validate(SourcesFile).sources] == ["stac", "bucket"]


def test_the_sites_that_are_shipped_can_be_read(tmp_path: Path) -> None:
    (sites,) = (r for r in of_kind(overlay("dev"), "ConfigMap") if name_of(r).startswith("railwatch-sites"))
    for file, text in sites["data"].items():
        (tmp_path / file).write_text(text)
    catalogue = load_sites(tmp_path)
    assert not catalogue.faults
    assert set(catalogue.sites) == {"tumangang"}
