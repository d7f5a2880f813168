"""What the files hold that settings name: sites, tokens, sources, certificates."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cryptography import x509

from railwatch.services.ingest.sources.forms import SourcesFile, read_sources
from railwatch.shared.access import read_entries
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.settings import TRUSTED
from railwatch.shared.sites import load_sites
from railwatch.shared.sites.document import read_yaml

# A certificate that runs out within this time is worth a warning.
SOON = timedelta(days=30)
# Files of authorities, and of client certificates with the variable of their key.
AUTHORITIES = ("RAILWATCH_KAFKA_SSL_CAFILE", "RAILWATCH_REDIS_TLS_CA_FILE", TRUSTED)
CLIENTS = {
    "RAILWATCH_KAFKA_SSL_CERTFILE": "RAILWATCH_KAFKA_SSL_KEYFILE",
    "RAILWATCH_REDIS_TLS_CERT_FILE": "RAILWATCH_REDIS_TLS_KEY_FILE",
}


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        kind: `found` is well.
        about: the variable.
        text: in words; a sentence if it is not well.
    """

    kind: Literal["found", "warning", "fault"]
    about: str
    text: str


def files(given: Mapping[str, str], ingest: Any = None) -> Iterator[Finding]:
    """What the files hold that variables name.

    Args:
        given: the variables that are set.
        ingest: ingest's settings, if they are whole and wanted: then the sources of single settings are among these.
    """
    look: dict[str, Callable[[str], Iterator[Finding]]] = {
        "RAILWATCH_SITES_DIR": _sites,
        "RAILWATCH_TOKENS_FILE": _tokens,
        "RAILWATCH_SOURCES_FILE": lambda path: _sources(path, ingest),
        "RAILWATCH_INGEST_WATCH_DIR": _inbox,
    }
    for name in given.keys() & look.keys():
        try:
            yield from look[name](given[name])
        except ConfigurationError as error:
            yield from (Finding("fault", name, f"{name}: {line}") for line in str(error).splitlines())
    for name in AUTHORITIES:
        if name in given:
            yield from _authorities(name, given[name])
    for name, key in CLIENTS.items():
        if name in given:
            yield from _certificate(name, given[name])
            if key in given and not _belongs(given[name], given[key]):
                yield Finding("fault", key, f"{key} is not the private key of {name}, or asks for a password.")


def _sites(directory: str) -> Iterator[Finding]:
    name = "RAILWATCH_SITES_DIR"
    if directory.startswith("s3://"):
        return
    catalogue = load_sites(Path(directory))
    yield from (Finding("fault", name, f"{name}: {fault}") for fault in catalogue.faults)
    if catalogue.sites:
        yield Finding("found", name, f"{_several(len(catalogue.sites), 'site')}")
    else:
        yield Finding("fault", name, f"{name} names a directory that holds no valid site: {directory}.")


def _tokens(file: str) -> Iterator[Finding]:
    names = sorted({entry.name for entry in read_entries(Path(file))})
    if names:
        yield Finding("found", "RAILWATCH_TOKENS_FILE", f"tokens of {', '.join(names)}")
    else:
        yield Finding("warning", "RAILWATCH_TOKENS_FILE", f"RAILWATCH_TOKENS_FILE holds no token: {file}.")


def _sources(file: str, ingest: Any) -> Iterator[Finding]:
    sources = read_sources(ingest) if ingest else read_yaml(Path(file)).validate(SourcesFile).sources
    told = ", ".join(f"{source.name} ({source.kind})" for source in sources)
    yield Finding("found", "RAILWATCH_SOURCES_FILE", told or "no source")


def _inbox(directory: str) -> Iterator[Finding]:
    name = "RAILWATCH_INGEST_WATCH_DIR"
    if not Path(directory).is_dir():
        yield Finding("fault", name, f"{name} is not a directory: {directory}.")


def _authorities(name: str, file: str) -> Iterator[Finding]:
    """Of several authorities one may do, so the last to run out counts. The settings refuse a file without one."""
    try:
        held = ssl.create_default_context(cafile=file).get_ca_certs()
    except OSError:
        return
    ends = [datetime.fromtimestamp(ssl.cert_time_to_seconds(str(each["notAfter"])), UTC) for each in held]
    if ends:
        yield _until(name, max(ends), _several(len(ends), "authority", "authorities"))


def _certificate(name: str, file: str) -> Iterator[Finding]:
    """Of a chain all are needed, so the first to run out counts."""
    try:
        ends = [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(Path(file).read_bytes())]
    except OSError:  # the settings refuse it
        return
    except ValueError:
        yield Finding("fault", name, f"{name} is wrong: path does not point to certificates in PEM.")
        return
    yield _until(name, min(ends), _several(len(ends), "certificate"))


def _until(name: str, end: datetime, what: str) -> Finding:
    left = end - datetime.now(UTC)
    if left < timedelta(0):
        return Finding("fault", name, f"{name} ran out on {end:%Y-%m-%d}: {what}.")
    if left < SOON:
        return Finding("warning", name, f"{name} runs out on {end:%Y-%m-%d}, in {_several(left.days, 'day')}: {what}.")
    return Finding("found", name, f"{what}, until {end:%Y-%m-%d}")


def _belongs(certificate: str, key: str) -> bool:
    """Whether a file holds the private key of a certificate, without a password."""
    try:
        ssl.create_default_context().load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError):
        return False
    return True


def _several(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
