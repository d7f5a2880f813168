"""Requests to every HTTP route, drawn by schemathesis from the OpenAPI documents, and checked against them."""

import os
from contextlib import ExitStack
from functools import cache
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from structlog.testing import capture_logs

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.blobs import BlobStore
from railwatch.shared.health import Progress
from railwatch.shared.serving import serve
from railwatch.shared.settings import BlobSettings, HttpSettings, RedisSettings
from railwatch.shared.state import connect
from tests.fuzz.doors import Room, no_traceback
from tests.support.alerting import judged, small_site
from tests.support.ingest import TOKEN, Desk

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
REDIS = "RAILWATCH_REDIS_URL"
_OPEN = ExitStack()


def requests_to(app: FastAPI) -> st.SearchStrategy[Any]:
    """Requests to the routes of an app, with values that its document allows and with others."""
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return st.one_of(*(operation.as_strategy(mode) for operation in operations for mode in modes))


def ingest_requests() -> st.SearchStrategy[Any]:
    """Requests to ingest."""
    from railwatch.services.ingest.settings import SceneSettings
    from railwatch.shared.sites import PackedSites, SiteCatalogue

    nowhere: Any = None
    return requests_to(Desk(SiteCatalogue(PackedSites()), SceneSettings(), nowhere, nowhere).app())


def alerting_requests() -> st.SearchStrategy[Any]:
    """Requests to alerting."""
    nowhere: Any = None
    return requests_to(alerting_app(nowhere))


def alerting_app(store: Store) -> FastAPI:
    """Alerting's routes over a store."""
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    sites = {site: small_site(site) for site in ("tumangang", "najin")}
    return make_app(store, sites, blobs, Tokens(None, [SecretStr(TOKEN)], Scope), Progress(), {})


def ask_ingest(room: Room, case: Any) -> str:
    """Sends a request to ingest."""
    return _ask(_served("ingest", room), case)


def ask_alerting(room: Room, case: Any) -> str:
    """Sends a request to alerting."""
    return _ask(_served("alerting", room), case)


@cache
def _served(service: str, room: Room) -> str:
    """The address of a service, which is served until the process ends."""
    app = room.desk.app()
    if service == "alerting":
        store = Store(connect(RedisSettings(url=os.environ[REDIS])))
        looks = tuple(judged(day, 5 + day % 3) for day in range(30))
        store.transact("tumangang", lambda change: change.put_record(SiteRecord(history=History(judgements=looks))))
        app = alerting_app(store)
    return str(_OPEN.enter_context(serve(app, HttpSettings(port=0))))


def _ask(url: str, case: Any) -> str:
    with capture_logs() as lines:
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})
    no_traceback(lines)
    case.validate_response(response, checks=CHECKS)
    return f"HTTP {response.status_code}"
