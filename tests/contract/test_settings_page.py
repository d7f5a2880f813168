"""docs/settings.md, the help of the services and the version."""

from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.cli.settings_page import page
from railwatch.cli.variables import settings_of
from railwatch.shared.process import SERVICES
from railwatch.shared.variables import groups_of, variables_of

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "run `make settings`"


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_tells_every_variable_and_what_each_is_for(service: str) -> None:
    text = page()
    variables = list(variables_of(settings_of(service)))
    assert len(variables) == sum(len(group.model_fields) for group in groups_of(settings_of(service)).values())
    for variable in variables:
        assert f"\n| `{variable.name}` | " in text
        assert variable.meaning, f"the docstring of its group does not explain {variable.name}"
        assert "pattern" not in variable.takes
        assert variable.takes, variable.name


def test_what_is_secret_is_known_by_its_type() -> None:
    secret = {
        variable.name for service in SERVICES for variable in variables_of(settings_of(service)) if variable.secret
    }
    assert secret == {
        "RAILWATCH_ALERTING_TOKENS",
        "RAILWATCH_ALERTMANAGER_TOKENS",
        "RAILWATCH_BLOBS_S3_SECRET_ACCESS_KEY",
        "RAILWATCH_INGEST_ALERTING_TOKEN",
        "RAILWATCH_INGEST_TOKENS",
        "RAILWATCH_KAFKA_SASL_PASSWORD",
        "RAILWATCH_PROXY_SECRET",
        "RAILWATCH_REDIS_PASSWORD",
        "RAILWATCH_SECOND_LOOK_SECRETS",
        "RAILWATCH_STAC_TOKEN",
        "RAILWATCH_WEBHOOK_SECRETS",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_help_of_a_service_lists_its_variables(service: str) -> None:
    told = CliRunner().invoke(app, [service, "--help"]).stdout
    for variable in variables_of(settings_of(service)):
        assert variable.name in told
    assert "docs/settings.md" in told


def test_the_help_of_the_whole_system_says_where_its_variables_are_listed() -> None:
    told = CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "200"}).stdout
    assert "docs/settings.md lists them" in told


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith(f"railwatch {version('railwatch')} (Python 3.")
