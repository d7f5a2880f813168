"""`railwatch config check --connect` asks the servers as a service would."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.demo.yard import write_site
from railwatch.embedded import free_port
from tests.support.s3 import s3_server


@pytest.fixture
def environment(
    kafka_environment: dict[str, str],
    redis_environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> pytest.MonkeyPatch:
    write_site(tmp_path / "sites")
    own = {"RAILWATCH_BLOBS_URL": (tmp_path / "store").as_uri(), "RAILWATCH_SITES_DIR": str(tmp_path / "sites")}
    for name, value in {**kafka_environment, **redis_environment, **own}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def check() -> Result:
    return CliRunner().invoke(app, ["config", "check", "--service", "detector", "--connect"])


def test_who_answers_is_told(environment: pytest.MonkeyPatch) -> None:
    told = check()
    assert told.exit_code == 0, told.stdout
    for answer in ("RAILWATCH_REDIS_URL                answers, and takes a write", "railwatch.tiles.v1"):
        assert answer in told.stdout


def test_who_does_not_answer_is_a_fault_each(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    environment.setenv("RAILWATCH_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    told = check()
    assert told.exit_code == 1
    assert "fault: RAILWATCH_KAFKA_BOOTSTRAP_SERVERS: Kafka does not answer, or refuses us" in told.stdout
    assert "fault: RAILWATCH_REDIS_URL: Redis does not answer" in told.stdout
    assert "RAILWATCH_BLOBS_URL  answers, and takes a write" in told.stdout


def test_a_cluster_without_topics_and_a_bucket_without_rights_are_faults(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_KAFKA_PREFIX", "nobodys-")
    with s3_server({"ours"}) as (url, _, _):
        for name, value in {"URL": "s3://pixels", "S3_ENDPOINT": url, "S3_REGION": "eu-central-1"}.items():
            environment.setenv(f"RAILWATCH_BLOBS_{name}", value)
        environment.setenv("RAILWATCH_BLOBS_S3_ACCESS_KEY_ID", "a-stranger")
        environment.setenv("RAILWATCH_BLOBS_S3_SECRET_ACCESS_KEY", "hush")
        environment.setenv("RAILWATCH_SITES_DIR", "s3://sites")
        told = check()
    assert told.exit_code == 1
    assert "shows this user none of the topics; `railwatch topics` makes them." in told.stdout
    assert "fault: RAILWATCH_BLOBS_URL: " in told.stdout
    assert "fault: RAILWATCH_SITES_DIR: The sites' bucket cannot be listed" in told.stdout
