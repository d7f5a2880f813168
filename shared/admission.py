"""Who is admitted to the services' HTTP interfaces, and to what."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from railwatch.shared.access import Holder, Scope, Tokens

# Who reads where no token is needed.
EVERYONE = Holder(name=None, scopes=frozenset({Scope.READ}))


class NotAdmittedError(HTTPException):
    """A request without a token that is good for it; its `reason` is for programs."""

    def __init__(self, status: int, detail: str, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.reason = reason


def admitted(tokens: Tokens, *scopes: Scope) -> Callable[..., Holder]:
    """A FastAPI dependency that requires a bearer token with one of these scopes, and gives its holder."""
    scheme = HTTPBearer(auto_error=False, description=f"A token with the scope {_either(scopes)}.")

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> Holder:
        return _holder(tokens, given.credentials if given else None, scopes, 'Bearer realm="railwatch"')

    return check


def readers(tokens: Tokens, *, everyone: bool) -> Callable[..., Holder]:
    """A FastAPI dependency that gives the holder of a token with the scope `read`, or lets everyone read.

    A browser cannot send a bearer token, but it asks for a password. So the token may also come as the password of HTTP
    Basic authentication, with any user name.
    """
    if everyone:
        return lambda: EVERYONE
    as_bearer = HTTPBearer(auto_error=False, description="A token with the scope `read`.")
    as_basic = HTTPBasic(auto_error=False, description="Any user name, and a token with the scope `read` as password.")

    def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(as_bearer)],
        basic: Annotated[HTTPBasicCredentials | None, Depends(as_basic)],
    ) -> Holder:
        token = bearer.credentials if bearer else basic.password if basic else None
        return _holder(tokens, token, (Scope.READ,), 'Basic realm="railwatch", charset="UTF-8"')

    return check


def _holder(tokens: Tokens, token: str | None, scopes: Sequence[Scope], challenge: str) -> Holder:
    holder = tokens.holder(token) if token else None
    if holder is None:
        what = "not one that is known" if token else "missing"
        detail = f"The bearer token is {what}; send `Authorization: Bearer <token>`."
        raise NotAdmittedError(401, detail, "token-unknown", {"WWW-Authenticate": challenge})
    if holder.scopes.isdisjoint(scopes):
        detail = f"The token is not good for this: it lacks the scope {_either(scopes)}."
        raise NotAdmittedError(403, detail, "scope-missing")
    return holder


def _either(scopes: Sequence[Scope]) -> str:
    return " or ".join(f"`{scope}`" for scope in scopes)
