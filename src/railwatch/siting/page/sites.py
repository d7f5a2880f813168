"""The page's API for sites: list, read, save, and take lines from a map's extract."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.shared.access import Holder, Scope, Tokens
from railwatch.shared.admission import admitted, check_reach
from railwatch.shared.bus.recording import recorded
from railwatch.shared.counts import Frozen
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.events import ActEvent, ActKind, Slug
from railwatch.shared.sites import CAR_LENGTHS_M, LiveSites, read_tracks
from railwatch.siting.files import ATTRIBUTION, box_of
from railwatch.siting.layout import lay_out
from railwatch.siting.page.drafts import Draft, DraftTrack, read_draft
from railwatch.siting.page.requests import MAX_LINES_BYTES, RefusedError, read_body, received_file, refused
from railwatch.siting.page.saving import save_draft
from railwatch.siting.page.shelves import ChangedMeanwhileError, ReadOnlyError, Shelf

SUFFIXES = (".osm.pbf", ".osm", ".geojson", ".json")


class Listed(Frozen):
    """A site in the list."""

    id: str
    name: str


class Sites(Frozen):
    """The sites that the token reaches, and why they cannot be saved, if so."""

    items: tuple[Listed, ...]
    read_only: str | None


class Lines(Frozen):
    """The tracks of an extract, laid out, and remarks on what was left out."""

    tracks: tuple[DraftTrack, ...]
    credit: str | None
    remarks: tuple[str, ...]


def sites_router(sites: LiveSites, shelf: Shelf, tokens: Tokens, intake: Intake) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/drawing", tags=["drawing"])
    draws = Depends(admitted(tokens, Scope.DRAW))

    @router.get("/sites", summary="The sites that can be drawn")
    def list_sites(by: Annotated[Holder, draws]) -> Sites:
        known = sorted((name, site) for site, (_, name) in sites.listed().items() if by.reaches(site))
        listed = tuple(Listed(id=site, name=name) for name, site in known)
        return Sites(items=listed, read_only=shelf.why_read_only())

    @router.get("/sites/{site}", summary="A site as it can be drawn")
    def get_site(site: Slug, by: Annotated[Holder, draws], response: Response) -> Draft:
        check_reach(by, site)
        unknown = RefusedError(404, f"There is no site {site}.", "site-unknown")
        if (file := shelf.file_of(site)) is None:
            raise unknown
        try:
            with shelf.taken(file) as held:
                draft, version = read_draft(held.path)
        except ChangedMeanwhileError:
            raise unknown from None
        except ConfigurationError as error:
            raise refused(error) from None
        response.headers["ETag"] = f'"{version}"'
        return draft

    @router.put("/sites/{site}", summary="Save a site, unless somebody has changed it")
    async def put_site(
        request: Request,
        response: Response,
        site: Slug,
        by: Annotated[Holder, draws],
        if_match: Annotated[str | None, Header()] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Draft:
        check_reach(by, site)
        if (if_match is None) == (if_none_match != "*"):
            raise RefusedError(428, "Send If-Match with the ETag that was read, or If-None-Match: *.", "no-version")
        draft = await read_body(request, Draft)
        if why := shelf.why_read_only():
            raise RefusedError(409, why, "sites-read-only")
        version = if_match.strip('"') if if_match else None

        def save() -> str:
            with recorded(intake.publish, _saving(site, draft, by)):
                return save_draft(shelf, site, draft, version)

        try:
            saved = await to_thread.run_sync(save)
        except ChangedMeanwhileError:
            raise RefusedError(
                412, f"Somebody has changed the site {site} since it was read; load it again.", "site-changed"
            ) from None
        except ReadOnlyError as error:
            raise RefusedError(409, str(error), "sites-read-only") from None
        except ConfigurationError as error:
            raise refused(error) from None
        await to_thread.run_sync(sites.refresh)
        response.headers["ETag"] = f'"{saved}"'
        return draft

    @router.post("/lines", summary="The tracks of an extract of OpenStreetMap, laid out")
    async def post_lines(
        request: Request,
        by: Annotated[Holder, draws],
        name: Annotated[str, Query(description="The file's name; its end says what it is.", max_length=200)],
        bbox: Annotated[str, Query(description="The ground: west,south,east,north in degrees.")] = "",
    ) -> Lines:
        suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), None)
        if suffix is None:
            raise RefusedError(415, f"{name} must end in {', '.join(SUFFIXES)}.", "unsupported-file")
        async with received_file(request, intake, MAX_LINES_BYTES) as path:
            return await to_thread.run_sync(_laid_out, path, suffix, bbox)

    return router


def _saving(site: str, draft: Draft, by: Holder) -> ActEvent:
    present = datetime.now(UTC)
    return ActEvent(
        recorded_at=present,
        act=ActKind.SITE_SAVE,
        at=present,
        by=by.called(None),
        sender=by.name,
        admission=by.admission,
        door="ingest",
        site=site,
        about=site,
        detail=f"{draft.name}, {len(draft.tracks)} tracks",
    )


def _laid_out(received: Path, suffix: str, bbox: str) -> Lines:
    with tempfile.TemporaryDirectory(prefix="railwatch-") as folder:
        path = Path(folder) / f"lines{suffix}"
        path.symlink_to(received)
        try:
            numbers = [float(number) for number in bbox.split(",")] if bbox else []
            ground = box_of(*numbers) if numbers else None
            lines = read_tracks(path)
        except (TypeError, ValueError):
            raise RefusedError(422, "bbox must be west,south,east,north in degrees.", "bbox-invalid") from None
        except ConfigurationError as error:
            raise refused(ConfigurationError(str(error).replace(f"{folder}/", ""))) from None
    tracks = lay_out(lines.tracks, ground, CAR_LENGTHS_M[0])
    if not tracks:
        raise RefusedError(422, f"None of the {len(lines.tracks)} lines lies on the ground in sight.", "no-tracks")
    drawn = tuple(DraftTrack(name=track.id, coordinates=track.coordinates, main=track.main) for track in tracks)
    return Lines(tracks=drawn, credit=ATTRIBUTION if lines.exported else None, remarks=lines.remarks)
