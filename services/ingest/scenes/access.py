"""Where assets may lie: below the addresses that the operator allows, and nowhere else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote, urlsplit

from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.fetch import Request
from railwatch.services.ingest.scenes.signing import Signer
from railwatch.shared.errors import UnprocessableError

# A dot, a slash or a backslash that is still encoded after decoding. Some servers decode twice.
ENCODED_TWICE = re.compile(r"%(2e|2f|5c)", re.IGNORECASE)


@dataclass(frozen=True)
class Access:
    """What of the world may be read for one source, or for those who push.

    Attributes:
        roots: addresses below which assets may lie.
        credentials: what each server gets of us.
    """

    roots: tuple[str, ...]
    credentials: Credentials = field(default_factory=Credentials)

    @cached_property
    def signer(self) -> Signer:
        """Makes the requests. It keeps tokens."""
        return Signer(self.credentials)

    def check(self, href: str) -> None:
        """Checks that an address may be read.

        Raises:
            UnprocessableError: `asset-refused`.
        """
        if not allowed(href, self.roots):
            raise UnprocessableError(
                "asset-refused",
                "The asset's address must lie below one of the roots that RAILWATCH_SCENES_ASSET_ROOTS, or its "
                "source's `asset_roots`, allow.",
            )

    def request(self, href: str) -> Request:
        """The request for an address, with what its server wants to see.

        Raises:
            UnprocessableError: `asset-refused`.
            TransientError: its token or secret cannot be had now.
        """
        self.check(href)
        return self.signer.request(href)


def allowed(href: str, roots: Iterable[str]) -> bool:
    """Whether an address lies below one of the roots: same scheme, same host and port, and the path inside."""
    return any(_below(href, root) for root in roots)


def _below(href: str, root: str) -> bool:
    try:
        asked, given = urlsplit(href), urlsplit(root)
    except ValueError:
        return False
    path = unquote(asked.path)
    return (
        href.isprintable()
        and "\\" not in path
        and not ENCODED_TWICE.search(path)
        and not any(segment.partition(";")[0].strip() in (".", "..") for segment in path.split("/"))
        and (asked.scheme, asked.netloc) == (given.scheme, given.netloc)
        and path.startswith(given.path.rstrip("/") + "/")
    )
