"""The page on which sites are drawn, and the addresses that it asks.

Ingest serves it: ingest has the pictures of the sites, takes in what people send, and knows the folder of the sites.
"""

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.settings import IngestSettings
from railwatch.shared.access import Tokens
from railwatch.shared.base_map import map_policy
from railwatch.shared.problem_page import Home
from railwatch.shared.sites import LiveSites
from railwatch.siting.page.counts import counts_router
from railwatch.siting.page.pictures import pictures_router
from railwatch.siting.page.shelves import shelf_of
from railwatch.siting.page.sites import sites_router

ASSETS = Path(__file__).with_name("assets")


def add_page(app: FastAPI, sites: LiveSites, settings: IngestSettings, tokens: Tokens, intake: Intake) -> None:
    """Add the page and its API to ingest's app.

    Args:
        app: the app.
        sites: the sites, and where their files are.
        settings: of ingest.
        tokens: the tokens that are known.
        intake: has the pictures.
    """
    app.state.home = Home("/draw", "Draw a site")
    app.mount("/draw/assets", StaticFiles(directory=ASSETS, packages=[("railwatch.shared", "assets")]))
    app.include_router(_page(settings.base_map, settings.base_map_credit))
    shelf = shelf_of(sites)
    app.include_router(sites_router(sites, shelf, tokens, intake))
    app.include_router(pictures_router(shelf, tokens, intake))
    app.include_router(counts_router(shelf, tokens, intake))


def _page(base_map: str | None, credit: str) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    headers = {"Content-Security-Policy": map_policy(base_map, "'none'")}

    @router.get("/draw", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse((ASSETS / "draw.html").read_text(), headers=headers)

    @router.get("/draw/map.json")
    def map_settings() -> dict[str, str | None]:
        return {"base_map": base_map, "credit": credit}

    return router
