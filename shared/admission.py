"""Who is admitted to the services' HTTP interfaces, and to what: by a token, or by the word of a trusted proxy."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.counts import Frozen
from railwatch.shared.http import SAFE_METHODS
from railwatch.shared.proxy import Person

# Who reads where no token is needed.
EVERYONE = Holder(name=None, scopes=frozenset({Scope.READ}))
# What a form of any page can send without asking first; a request without a type, too.
FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


class NotAdmittedError(HTTPException):
    """A request without a token that is good for it; its `reason` is for programs.

    Attributes:
        by: who it was, where that is known: the name of a token, or of a person.
    """

    def __init__(
        self, status: int, detail: str, reason: str, headers: Mapping[str, str] | None = None, by: str | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.reason = reason
        self.by = by


class Me(Frozen):
    """Whom a trusted proxy has signed in, and what they may do at some site at least.

    Attributes:
        person: their name or address; null if nobody is signed in.
        scopes: what they may do; empty if nobody is signed in.
    """

    person: str | None
    scopes: tuple[Scope, ...]


def admitted(tokens: Tokens, *scopes: Scope, files: bool = False) -> Callable[..., Holder]:
    """A FastAPI dependency that requires one of these scopes, by a bearer token or by the proxy, and gives its holder.

    Args:
        tokens: the tokens that are known, and the proxy whose word is taken, too.
        scopes: one of which is needed.
        files: whether the body may be a form with files: where nothing is changed.
    """
    scheme = HTTPBearer(auto_error=False, description=f"A token with the scope {_either(scopes)}.")

    def check(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> Holder:
        token = given.credentials if given else None
        return _holder(tokens, request, token, scopes, 'Bearer realm="railwatch"', files=files)

    return check


def readers(tokens: Tokens, *, everyone: bool) -> Callable[..., Holder]:
    """A FastAPI dependency that gives who may read: holders of the scope `read`, or everyone.

    A browser cannot send a bearer token, but it asks for a password. So the token may also come as the password of HTTP
    Basic authentication, with any user name.
    """
    if everyone:
        return lambda: EVERYONE
    as_bearer = HTTPBearer(auto_error=False, description="A token with the scope `read`.")
    as_basic = HTTPBasic(auto_error=False, description="Any user name, and a token with the scope `read` as password.")

    def check(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(as_bearer)],
        basic: Annotated[HTTPBasicCredentials | None, Depends(as_basic)],
    ) -> Holder:
        token = bearer.credentials if bearer else basic.password if basic else None
        return _holder(tokens, request, token, (Scope.READ,), 'Basic realm="railwatch", charset="UTF-8"')

    return check


def me_router(tokens: Tokens) -> APIRouter:
    """The route that tells a page whom the proxy has signed in, so that it asks for no token."""
    router = APIRouter(prefix="/v1", tags=["access"])

    @router.get("/me", summary="Whom the proxy has signed in")
    def get_me(request: Request) -> Me:
        person = _person(tokens, request)
        return Me(person=person.name if person else None, scopes=tuple(sorted(person.scopes)) if person else ())

    return router


def check_reach(by: Holder, site: str) -> None:
    """Check that somebody may act at a site.

    Raises:
        NotAdmittedError: 403, `site-not-allowed`.
    """
    if not by.reaches(site):
        detail = f"The token, or your role, is not valid for the site {site!r}."
        raise NotAdmittedError(403, detail, "site-not-allowed", by=by.called(None))


def actor(by: Holder, said: str | None) -> str:
    """Who acts: the name that goes on record.

    Args:
        by: who was admitted.
        said: the name that they give; null if none.

    Raises:
        HTTPException: 422, neither they nor their token has a name.
    """
    who = by.called(said)
    if who is None:
        raise HTTPException(422, "Say who you are in `by`: the token has no name.")
    return who


def _holder(
    tokens: Tokens,
    request: Request,
    token: str | None,
    scopes: Sequence[Scope],
    challenge: str,
    *,
    files: bool = False,
) -> Holder:
    holder = tokens.holder(token) if token else None
    if holder is None and (person := _person(tokens, request)):
        # A proxy may send its own credentials along, so a token that is not ours does not matter. What changes
        # something must not come from a page elsewhere that uses the person's session.
        if request.method not in SAFE_METHODS:
            _check_same_origin(request, person, files=files)
        signed_in = person.with_one_of(scopes)
        if signed_in is None:
            detail = f"None of your groups gives you a role with the scope {_either(scopes)}."
            raise NotAdmittedError(403, detail, "scope-missing", by=person.name)
        return signed_in
    if holder is None:
        what = "not one that is known" if token else "missing"
        detail = f"The bearer token is {what}; send `Authorization: Bearer <token>`."
        raise NotAdmittedError(401, detail, "token-unknown", {"WWW-Authenticate": challenge})
    if holder.scopes.isdisjoint(scopes):
        detail = f"The token is not good for this: it lacks the scope {_either(scopes)}."
        raise NotAdmittedError(403, detail, "scope-missing", by=holder.name)
    return holder


def _person(tokens: Tokens, request: Request) -> Person | None:
    return tokens.proxy.person(request) if tokens.proxy else None


def _check_same_origin(request: Request, person: Person, *, files: bool) -> None:
    """Check that a page of this service sends a request, and not one elsewhere in the same browser.

    Browsers send the session with both. They say in `Sec-Fetch-Site` where a request comes from, over HTTPS at least;
    without it, `Origin` must be where the request goes to. And the type must be one that no form can send.

    Raises:
        NotAdmittedError: 403, `not-same-origin`.
    """
    fetched_from, headers = request.headers.get("sec-fetch-site"), request.headers
    if fetched_from is None:
        here = {headers.get("host"), headers.get("x-forwarded-host")} - {None}
        same = urlsplit(headers.get("origin", "")).netloc in here
    else:
        same = fetched_from == "same-origin"
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    form = media_type in FORM_TYPES and not (files and media_type == "multipart/form-data")
    if not same or form:
        detail = (
            "A person acts from a page of this service: with `Sec-Fetch-Site: same-origin` or its `Origin`, and JSON. "
            "Programs send a token."
        )
        raise NotAdmittedError(403, detail, "not-same-origin", by=person.name)


def _either(scopes: Sequence[Scope]) -> str:
    return " or ".join(f"`{scope}`" for scope in scopes)
