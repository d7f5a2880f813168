"""All that can be wrong with a scene: each reason with its HTTP status and title. `docs/ingest.md` lists them."""

from typing import NamedTuple

from railwatch.shared.http import RETRY_AFTER_S, ProblemDetails, problem


class Problem(NamedTuple):
    """The HTTP status and the title of a reason."""

    status: int
    title: str


PROBLEMS = {
    "unsupported-media-type": Problem(415, "The request's media type is not supported"),
    "body-malformed": Problem(400, "The request's body is malformed"),
    "file-missing": Problem(422, "There is no scene in the request"),
    "metadata-missing": Problem(422, "There is no metadata in the request"),
    "metadata-invalid": Problem(422, "The metadata is wrong"),
    "stac-item-invalid": Problem(422, "The STAC Item is wrong"),
    "asset-missing": Problem(422, "The STAC Item has no usable asset"),
    "asset-ambiguous": Problem(422, "The STAC Item has several GeoTIFF assets"),
    "asset-refused": Problem(422, "The asset's address is not allowed"),
    "asset-not-found": Problem(422, "There is nothing at the asset's address"),
    "timestamp-missing": Problem(422, "The acquisition time is missing"),
    "timestamp-invalid": Problem(422, "The acquisition time is not a time"),
    "timestamp-without-zone": Problem(422, "The acquisition time has no time zone"),
    "timestamp-in-future": Problem(422, "The acquisition time lies in the future"),
    "timestamp-too-early": Problem(422, "The acquisition time lies before the first satellite"),
    "timestamp-at-night": Problem(422, "The sun was below the horizon at the acquisition time"),
    "scene-too-large": Problem(413, "The file is too large"),
    "too-many-pixels": Problem(413, "The raster has too many pixels"),
    "block-too-large": Problem(413, "One block of the raster is too large"),
    "event-too-large": Problem(413, "The scene has too many tiles for one event"),
    "tile-too-large": Problem(413, "One tile of the scene is too large"),
    "format-unsupported": Problem(422, "The file is not a GeoTIFF"),
    "decode-failed": Problem(422, "The GeoTIFF is truncated or damaged"),
    "bands-unsupported": Problem(422, "The raster's bands are not supported"),
    "dtype-unsupported": Problem(422, "The raster's pixel type is not supported"),
    "crs-missing": Problem(422, "The raster is not georeferenced"),
    "crs-unusable": Problem(422, "The raster's position is no place on Earth"),
    "gsd-out-of-range": Problem(422, "The ground sample distance is out of range"),
    "role-not-allowed": Problem(403, "The sender may not push scenes of this role"),
    "site-not-allowed": Problem(403, "The sender may not push scenes of this site"),
    "no-site-overlap": Problem(422, "The scene shows no site"),
    "no-valid-pixels": Problem(422, "The scene has no valid pixel over a site"),
}


def problem_response(reason: str, detail: str) -> ProblemDetails:
    """Problem details (RFC 9457) for a scene that is refused."""
    status, title = PROBLEMS[reason]
    return problem(status, title, detail, reason=reason)


def unavailable_response(detail: str) -> ProblemDetails:
    """Problem details (RFC 9457) for a fault that may pass: the sender should try again."""
    headers = {"Retry-After": RETRY_AFTER_S}
    return problem(503, "Railwatch cannot take the scene now", detail, headers, "unavailable")
