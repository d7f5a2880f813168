"""Who may do what: tokens with a name, scopes and sites.

A file holds them, one entry for each token. It holds hashes only, so that who reads the file gains nothing:

    - name: maxar
      sha256: 1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014
      scopes: [push]
      sites: [tumangang]

Without `sites`, the token is valid for all. Two entries may have one name while a token is replaced by a new one.
The tokens are 256 random bits, so a plain hash is enough: there is no list of likely ones to try.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.events import Admission, Slug
from railwatch.shared.metrics import MetricsOf
from railwatch.shared.text import plain, said

if TYPE_CHECKING:
    from railwatch.shared.proxy import TrustedProxy

# Largest file of tokens, in bytes: some thousand tokens.
MAX_FILE_BYTES = 1024**2
# What a token begins with, so that scanners find one that was published by mistake.
MARK = "railwatch_"

TOKENS_FILE_VALID = MetricsOf(("ingest", "alerting")).gauge(
    "railwatch_tokens_file_valid",
    "1 if the file of tokens could be read when it last changed. If it is 0, the tokens of before are still in force.",
)

log = structlog.get_logger()


class Scope(StrEnum):
    """What a token is good for."""

    PUSH = "push"
    BASELINE = "baseline"
    READ = "read"
    ACKNOWLEDGE = "acknowledge"
    OPERATE = "operate"
    DRAW = "draw"
    VERDICT = "verdict"


class Role(StrEnum):
    """A name for the scopes that a kind of person needs. Senders are programs: they get their scopes by name."""

    READER = "reader"
    ANALYST = "analyst"
    OPERATOR = "operator"

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the role is good for: each for what the one before is, and more."""
        return _ROLES[self]


_READER = frozenset({Scope.READ})
_ANALYST = _READER | {Scope.ACKNOWLEDGE, Scope.VERDICT}
_ROLES = {Role.READER: _READER, Role.ANALYST: _ANALYST, Role.OPERATOR: _ANALYST | {Scope.OPERATE, Scope.DRAW}}


class Holder(BaseModel):
    """Who has a token, and what for.

    Attributes:
        name: the token's name; null for a token of the simple form, which has none.
        scopes: what the token is good for.
        sites: ids of the sites that it is valid for; null for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Slug | None
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    sites: Annotated[frozenset[Slug], Field(min_length=1)] | None = None

    def reaches(self, site: str) -> bool:
        """Whether the token is valid for a site."""
        return self.sites is None or site in self.sites

    @property
    def admission(self) -> Admission:
        """How they were let in."""
        return Admission.TOKEN

    def called(self, said: str | None) -> str | None:
        """Who acts: the person who they say they are, or else the token's name."""
        return said or self.name


class SignedIn(Holder):
    """A person whom a trusted proxy has signed in. They have no token.

    Attributes:
        person: their name or e-mail address, as the proxy gives it.
    """

    person: str

    @property
    def admission(self) -> Admission:
        """How they were let in."""
        return Admission.PROXY

    def called(self, said: str | None) -> str | None:
        """Who acts: the person whom the proxy has signed in, whatever they say."""
        return self.person


class Entry(Holder):
    """One token in the file: its holder, and the hash of the token."""

    name: Slug
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


_ENTRIES = TypeAdapter(tuple[Entry, ...])
# What shows that the file was changed: device and number, time of change in nanoseconds, and size.
_Stamp = tuple[int, int, int, int]


class Tokens:
    """The tokens that are known, and the proxy whose word is taken for one. The file is read again when it has changed.

    A file that cannot be read any more changes nothing: the tokens of before stay in force, and the log says so.
    """

    def __init__(
        self,
        file: Path | None,
        unnamed: Sequence[SecretStr] = (),
        scopes: Iterable[Scope] = (),
        proxy: "TrustedProxy | None" = None,
    ) -> None:
        """Reads the file.

        Args:
            file: the file of tokens, if there is one.
            unnamed: tokens of the simple form, without a name.
            scopes: what these are good for, at all sites.
            proxy: whose word about signed-in persons is taken, if anyone's.

        Raises:
            ConfigurationError: the file cannot be read, or is wrong.
        """
        self.proxy = proxy
        anyone = Holder(name=None, scopes=frozenset(scopes)) if unnamed else None
        self._unnamed = [(digest_of(token.get_secret_value()), anyone) for token in unnamed]
        self._file = file
        self._stamp = _stamp(file) if file else None
        self._named = _by_digest(read_entries(file)) if file else []
        TOKENS_FILE_VALID.set(1)

    def holder(self, token: str) -> Holder | None:
        """Who has this token; null if nobody has. It compares all hashes, so its duration reveals nothing."""
        self._refresh()
        given = digest_of(token)
        found = [holder for digest, holder in (*self._unnamed, *self._named) if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    def _refresh(self) -> None:
        if self._file is None or (stamp := _stamp(self._file)) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._named = _by_digest(read_entries(self._file))
        except ConfigurationError as error:
            TOKENS_FILE_VALID.set(0)
            log.error("tokens not read again; those of before are in force", detail=str(error))
        else:
            TOKENS_FILE_VALID.set(1)
            log.info("tokens read again", tokens=len(self._named))


def read_entries(file: Path) -> tuple[Entry, ...]:
    """The tokens in a file.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong. The message never quotes a hash.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise ConfigurationError(f"{file} is larger than {MAX_FILE_BYTES} bytes.")
        entries = _ENTRIES.validate_python(yaml.safe_load(text) or ())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        faults = (f"`{'.'.join(map(str, fault['loc']))}`: {said(fault['msg'])}" for fault in error.errors())
        raise ConfigurationError(plain(f"{file} is no list of tokens: {'; '.join(faults)}.", 1000)) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError(f"{file} is not YAML; it must be a list of tokens.") from None
    if len({entry.sha256 for entry in entries}) < len(entries):
        raise ConfigurationError(f"{file} holds one hash twice; each token has one entry.")
    return entries


def new_entry(name: str, scopes: Iterable[Scope], sites: Collection[str]) -> tuple[str, str]:
    """A new token, and its entry as text to add to a file.

    Raises:
        ValueError: the name or a site is not a valid id, or there is no scope.
    """
    token = MARK + secrets.token_urlsafe(32)
    fields = {"name": name, "sha256": digest_of(token).hex(), "scopes": sorted({scope.value for scope in scopes})}
    valid_for = {"sites": sorted(set(sites))} if sites else {}
    Entry.model_validate({**fields, **valid_for})
    return token, yaml.safe_dump([{**fields, **valid_for}], sort_keys=False, default_flow_style=None, width=120)


def _by_digest(entries: Iterable[Entry]) -> list[tuple[bytes, Entry]]:
    return [(bytes.fromhex(entry.sha256), entry) for entry in entries]


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a secret. Digests have one length, so that to compare them reveals nothing of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
