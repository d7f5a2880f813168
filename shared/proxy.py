"""People whom a proxy has signed in by OpenID Connect: oauth2-proxy, Pomerium, an Ingress with authentication.

The proxy names the person and their groups in headers. Everybody can write headers, so they are believed only if an
operator has said where the proxy is, or which secret it shows. From anywhere else they are as if they were not there,
and are counted.
"""

import hmac
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any, Self

import structlog
from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from railwatch.shared.access import Role, Scope, SignedIn, digest_of
from railwatch.shared.events import Slug
from railwatch.shared.metrics import MetricsOf
from railwatch.shared.settings import Group, Separated
from railwatch.shared.text import plain

# Characters of a person's name or address.
MAX_NAME = 200
# Seconds between two lines of the log about headers that are not believed.
SAY_EVERY_S = 60.0

HEADERS_IGNORED = MetricsOf(("ingest", "alerting")).counter(
    "railwatch_proxy_headers_ignored_total",
    "Requests with the headers of a signed-in person that were not believed. If the proxy is yours, its address or its "
    "secret is not as the settings say; otherwise somebody tries to be who they are not.",
    reason="`address`, `secret`, or `malformed`: a header that came twice, or names nobody",
)

log = structlog.get_logger()

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$", description="name of a header")]


class Grant(BaseModel):
    """What a group may do.

    Attributes:
        group: the group, as the proxy names it.
        role: what its members may do.
        sites: at which sites; null for all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: Annotated[str, Field(min_length=1)]
    role: Role
    sites: Annotated[frozenset[Slug], Field(min_length=1)] | None = None


def _grants(value: Any) -> Any:
    """Grants from `group=role,group=role:site+site`."""
    if not isinstance(value, str):
        return value
    found = []
    for text in filter(None, map(str.strip, value.split(","))):
        group, equals, rest = text.rpartition("=")
        role, colon, sites = rest.partition(":")
        if not equals:
            raise ValueError("must be group=role or group=role:site+site, separated by commas")
        found.append({"group": group, "role": role, **({"sites": sites.split("+")} if colon else {})})
    return found


class ProxySettings(Group):
    """Whose word about persons is taken: `RAILWATCH_PROXY_*`. Nobody's, without `RAILWATCH_PROXY_PERSON_HEADER`.

    Attributes:
        person_header: the header in which the proxy says who the person is, by name or e-mail address:
            `X-Auth-Request-Email`. The proxy must remove what a client sends under this name. Setting it means trusting
            what comes from `networks`, with the `secret`, or both.
        groups_header: the header with the person's groups, separated by commas: `X-Auth-Request-Groups`.
        networks: the addresses from which the proxy's connections come.
        secret: what the proxy shows in `secret_header`, at least 16 characters. With `networks`, both must be right.
        secret_header: the header in which the proxy shows the secret.
        roles: what the members of a group may do: `reader`, `analyst` or `operator`, at all sites or at those that are
            named. A person in none of these groups may do nothing that needs a token.
    """

    person_header: HeaderName | None = Field(default=None, description="name of a header")
    groups_header: HeaderName | None = Field(default=None, description="name of a header")
    networks: Annotated[tuple[IPv4Network | IPv6Network, ...], Separated] = Field(
        default=(), description="networks such as 10.1.2.0/24"
    )
    secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    secret_header: HeaderName = Field(default="X-Railwatch-Proxy-Secret", description="name of a header")
    roles: Annotated[tuple[Grant, ...], BeforeValidator(_grants)] = Field(
        default=(), description="group=role or group=role:site+site"
    )

    @model_validator(mode="after")
    def _trust_is_whole(self) -> Self:
        if self.person_header is None:
            if self.groups_header or self.networks or self.secret or self.roles:
                raise ValueError("PERSON_HEADER is not set, so nothing else of this group may be")
            return self
        if not (self.networks or self.secret):
            raise ValueError("PERSON_HEADER needs NETWORKS or SECRET: anybody can write a header")
        if bool(self.roles) != bool(self.groups_header):
            raise ValueError("GROUPS_HEADER and ROLES must be set together")
        return self


@dataclass(frozen=True)
class Person:
    """Who was signed in by a proxy.

    Attributes:
        name: as the proxy gives it.
        grants: what the person's groups may do.
    """

    name: str
    grants: tuple[Grant, ...]

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the person may do at some site."""
        return frozenset[Scope]().union(*(grant.role.scopes for grant in self.grants))

    def with_one_of(self, scopes: Collection[Scope]) -> SignedIn | None:
        """The person with these scopes only, at the sites of the grants that give them; null if none does.

        So who may read everywhere and acknowledge at one site does not acknowledge everywhere.
        """
        good = [grant for grant in self.grants if not grant.role.scopes.isdisjoint(scopes)]
        if not good:
            return None
        reach = [grant.sites for grant in good]
        sites = None if None in reach else frozenset[str]().union(*filter(None, reach))
        return SignedIn(name=None, person=self.name, scopes=self.scopes.intersection(scopes), sites=sites)


@dataclass
class TrustedProxy:
    """Reads who a request's person is, if it comes from the proxy."""

    settings: ProxySettings
    _said_at: float = field(default=float("-inf"))

    def person(self, request: Request) -> Person | None:
        """The person whom the proxy has signed in; null if there is none, or if the headers are not the proxy's."""
        named = _all(request.headers, self.settings.person_header)
        groups = _all(request.headers, self.settings.groups_header)
        if not named and not groups:
            return None
        if reason := self._doubt(request):
            self._note(request, reason)
            return None
        name = plain(_text(named[0]), MAX_NAME).strip() if len(named) == 1 else ""
        if not name or len(groups) > 1:
            self._note(request, "malformed")
            return None
        member_of = {group.strip() for text in groups for group in _text(text).split(",")}
        return Person(name, tuple(grant for grant in self.settings.roles if grant.group in member_of))

    def _doubt(self, request: Request) -> str | None:
        networks, secret = self.settings.networks, self.settings.secret
        if networks and not _within(request.client.host if request.client else "", networks):
            return "address"
        shown = _all(request.headers, self.settings.secret_header)
        if secret and not (
            len(shown) == 1 and hmac.compare_digest(digest_of(shown[0]), digest_of(secret.get_secret_value()))
        ):
            return "secret"
        return None

    def _note(self, request: Request, reason: str) -> None:
        HEADERS_IGNORED.labels(reason).inc()
        if time.monotonic() - self._said_at > SAY_EVERY_S:
            self._said_at = time.monotonic()
            peer = request.client.host if request.client else None
            log.warning("headers of a signed-in person are not believed", reason=reason, peer=peer)


def trusted(settings: ProxySettings) -> TrustedProxy | None:
    """The proxy whose word is taken, if the settings name one."""
    return TrustedProxy(settings) if settings.person_header else None


def _all(headers: Any, name: str | None) -> list[str]:
    found: list[str] = headers.getlist(name) if name else []
    return found


def _text(header: str) -> str:
    """A header's text. Its bytes are UTF-8, if they can be; the server has read them as Latin 1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _within(peer: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
