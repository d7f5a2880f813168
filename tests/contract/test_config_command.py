"""`railwatch config check`, as an operator uses it before a service is started."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.demo.yard import write_site
from railwatch.shared.access import Scope, new_entry

SECRET = "hush-hush-hush-hush"
SOURCES = "sources:\n  - {name: archive, kind: directory, path: /var/lib/scenes}\n"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """What ingest needs."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    write_site(tmp_path / "sites")
    (tmp_path / "tokens.yaml").write_text(new_entry("maxar", [Scope.PUSH], ())[1])
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
        "REDIS_URL": "redis://redis:6379/0",
        "BLOBS_URL": "s3://pixels/railwatch",
        "SITES_DIR": str(tmp_path / "sites"),
        "TOKENS_FILE": str(tmp_path / "tokens.yaml"),
    }.items():
        monkeypatch.setenv(f"RAILWATCH_{name}", value)
    return monkeypatch


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["config", "check", *arguments])


def faults(result: Result) -> list[str]:
    return [line.removeprefix("fault: ") for line in result.stdout.splitlines() if line.startswith("fault: ")]


def warnings(result: Result) -> list[str]:
    return [line.removeprefix("warning: ") for line in result.stdout.splitlines() if line.startswith("warning: ")]


def test_it_tells_what_is_set_and_what_the_files_hold(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(SOURCES)
    environment.setenv("RAILWATCH_SOURCES_FILE", str(tmp_path / "sources.yaml"))
    told = check()
    assert told.exit_code == 0, told.stdout
    for line in (
        "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS  kafka:9092",
        "RAILWATCH_BLOBS_URL                s3://pixels/railwatch",
        "RAILWATCH_SITES_DIR     1 site",
        "RAILWATCH_TOKENS_FILE   tokens of maxar",
        "RAILWATCH_SOURCES_FILE  archive (directory)",
        "No fault, no warnings: ingest, detector, alerting can start.",
    ):
        assert line in told.stdout


def test_every_fault_is_told_at_once_with_the_services_that_it_keeps(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("RAILWATCH_REDIS_URL")
    environment.setenv("RAILWATCH_HTTP_PORT", "eighty")
    environment.setenv("RAILWATCH_DETECTOR_THREADS", "0")
    (tmp_path / "tokens.yaml").write_text("- {name: a}")
    (tmp_path / "sites" / "tumangang.yaml").write_text("id: tumangang")
    told = check()
    assert told.exit_code == 1
    found = faults(told)
    assert "RAILWATCH_REDIS_URL is missing: redis://host:port/db or rediss://host:port/db." in found
    assert "RAILWATCH_HTTP_PORT is wrong: it should be a whole number, 0 to 65,535." in found
    assert "RAILWATCH_DETECTOR_THREADS is wrong: it should be a whole number, 1 to 64. (detector)" in found
    assert any(fault.startswith("RAILWATCH_TOKENS_FILE: ") and "no list of tokens" in fault for fault in found)
    assert any(fault.startswith("RAILWATCH_SITES_DIR: ") and "tumangang.yaml:1" in fault for fault in found)


def test_only_the_services_that_are_named_count(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("RAILWATCH_TOKENS_FILE")
    assert check("--service", "detector", "--service", "alerting").exit_code == 0
    told = check("--service", "ingest")
    assert faults(told) == ["RAILWATCH_TOKENS_FILE must name a file of tokens, or RAILWATCH_INGEST_TOKENS hold some."]
    environment.setenv("RAILWATCH_INGEST_TOKENS", SECRET)
    told = check("--service", "detector")
    assert (told.exit_code, warnings(told)) == (0, [])
    assert "RAILWATCH_INGEST_TOKENS  ingest" in told.stdout


def test_a_variable_that_nothing_reads_is_warned_of(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RAILWATCH_FLAVOUR", "mint")
    environment.setenv("RAILWATCH_INGEST_TOKNES", SECRET)
    environment.setenv("RAILWATCH_PUSH_TOKEN", SECRET)  # of a command
    told = check("--service", "detector")
    assert told.exit_code == 0
    assert warnings(told) == [
        "RAILWATCH_FLAVOUR is read by no service and no command.",
        "RAILWATCH_INGEST_TOKNES is read by no service and no command: did you mean RAILWATCH_INGEST_TOKENS?",
    ]
    told = check("--service", "ingest")
    assert faults(told) == ["RAILWATCH_INGEST_TOKNES is not a setting: did you mean RAILWATCH_INGEST_TOKENS?"]
    assert warnings(told) == ["RAILWATCH_FLAVOUR is read by no service and no command."]


def test_no_secret_is_shown(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KAFKA_SASL_PASSWORD": SECRET,
        "REDIS_PASSWORD": SECRET,
        "INGEST_TOKENS": SECRET,
        "STAC_URL": f"https://user:{SECRET}@stac.example/{SECRET}?key={SECRET}",
        "STAC_TOKEN": SECRET,
        "WEBHOOK_URLS": f"desk=https://hooks.example/{SECRET},other=https://{SECRET}@other.example",
        "WEBHOOK_SECRETS": f"desk={SECRET},other={SECRET}",
        "ALERTING_PUBLIC_URL": f"https://{SECRET}@alerts.example/at",
        "ALERTMANAGER_URLS": f"main=http://user:{SECRET}@alertmanager:9093",
    }.items():
        environment.setenv(f"RAILWATCH_{name}", value)
    told = check()
    assert SECRET not in told.stdout
    assert "RAILWATCH_INGEST_TOKENS            set, not shown" in told.stdout
    assert "desk=https://hooks.example/...,other=https://other.example" in told.stdout
    assert "main=http://alertmanager:9093" in told.stdout


@pytest.mark.parametrize(
    ("days", "kind", "words"),
    [(400, "found", "1 authority, until "), (10, "warning", "runs out on "), (-1, "fault", "ran out on ")],
)
def test_it_tells_when_authorities_run_out(
    environment: pytest.MonkeyPatch, tmp_path: Path, days: int, kind: str, words: str
) -> None:
    (tmp_path / "ca.pem").write_bytes(
        _certificate(ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC) + timedelta(days=days), authority=True)
    )
    environment.setenv("RAILWATCH_KAFKA_SSL_CAFILE", str(tmp_path / "ca.pem"))
    told = check()
    (line,) = (line for line in told.stdout.splitlines() if words in line)
    assert "RAILWATCH_KAFKA_SSL_CAFILE" in line
    assert line.startswith({"found": "  ", "warning": "warning: ", "fault": "fault: "}[kind])
    assert told.exit_code == (kind == "fault")


def test_a_key_that_belongs_to_another_certificate_is_a_fault(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "client.pem").write_bytes(_certificate(mine, datetime.now(UTC) + timedelta(days=90), authority=False))
    (tmp_path / "client.key").write_bytes(_written(mine))
    environment.setenv("RAILWATCH_KAFKA_SECURITY_PROTOCOL", "SSL")
    environment.setenv("RAILWATCH_KAFKA_SSL_CERTFILE", str(tmp_path / "client.pem"))
    environment.setenv("RAILWATCH_KAFKA_SSL_KEYFILE", str(tmp_path / "client.key"))
    told = check()
    assert told.exit_code == 0
    assert "RAILWATCH_KAFKA_SSL_CERTFILE  1 certificate, until " in told.stdout
    (tmp_path / "client.key").write_bytes(_written(other))
    assert faults(check()) == [
        "RAILWATCH_KAFKA_SSL_KEYFILE is not the private key of RAILWATCH_KAFKA_SSL_CERTFILE, or asks for a password."
    ]


def test_a_watched_directory_that_is_not_there_is_a_fault(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("RAILWATCH_INGEST_WATCH_DIR", str(tmp_path / "nowhere"))
    assert faults(check()) == [f"RAILWATCH_INGEST_WATCH_DIR is not a directory: {tmp_path / 'nowhere'}."]


def _certificate(key: ec.EllipticCurvePrivateKey, until: datetime, authority: bool) -> bytes:
    """A certificate in PEM that its own key signed, and that runs out at some time."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "railwatch.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(until - timedelta(days=800)).not_valid_after(until)
    made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _written(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
