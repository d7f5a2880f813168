"""The parts of the OpenAPI document that FastAPI does not find out by itself."""

from typing import Any

from railwatch.services.ingest.http.problems import PROBLEMS
from railwatch.services.ingest.http.upload import JSON_TYPES, MAX_MASKS
from railwatch.shared.http import PROBLEM_TYPE

DESCRIPTION = "Takes satellite scenes, cuts out the tiles of monitored rail sites, and publishes them to be counted."

PUSH_DESCRIPTION = """\
Send a GeoTIFF with its metadata as `multipart/form-data`, or a STAC Item whose asset Railwatch may read.

The answer names every tile that was published. If the same scene comes again, the answer is 200 and nothing is
published.
If a scene is refused, the answer is problem details (RFC 9457) whose `reason` is stable, and a dead letter keeps it.
"""

_METADATA = {
    "type": "object",
    "required": ["observed_at"],
    "properties": {
        "observed_at": {"type": "string", "format": "date-time", "description": "When the satellite saw it."},
        "scene": {"type": "string", "description": "The scene's id; derived from the pixels where it is left out."},
        "role": {"type": "string", "enum": ["observation", "baseline"], "default": "observation"},
        "sun": {
            "type": "object",
            "required": ["azimuth_deg", "elevation_deg"],
            "properties": {"azimuth_deg": {"type": "number"}, "elevation_deg": {"type": "number"}},
        },
        "sensor": {
            "type": "string",
            "description": "Which satellite took it. Scenes of one sensor, minutes apart, are frames of one look.",
        },
    },
    "example": {
        "observed_at": "2023-10-05T02:11:00Z",
        "scene": "WV3-20231005",
        "sun": {"azimuth_deg": 168.2, "elevation_deg": 41.5},
        "sensor": "worldview-3",
    },
}

_STAC_ITEM = {
    "type": "object",
    "description": "A STAC Item, https://stacspec.org; its property `railwatch:role` may be `baseline`.",
}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "metadata"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "The GeoTIFF."},
                    "metadata": {"anyOf": [_METADATA, _STAC_ITEM]},
                    "mask": {
                        "type": "array",
                        "maxItems": MAX_MASKS,
                        "items": {"type": "string", "format": "binary"},
                        "description": "Its provider's masks, GeoTIFFs. The name of each file says what it means.",
                    },
                },
            },
            "encoding": {"metadata": {"contentType": "application/json"}},
        },
        **{media_type: {"schema": _STAC_ITEM} for media_type in JSON_TYPES},
    },
}


def _problem(status: int, description: str, reasons: list[str]) -> dict[str, Any]:
    return {
        "description": description,
        "content": {
            PROBLEM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail", "reason"],
                    "properties": {
                        "type": {
                            "type": "string",
                            "format": "uri",
                            "examples": [f"urn:railwatch:problem:{reasons[0]}"],
                        },
                        "title": {"type": "string"},
                        "status": {"type": "integer", "const": status},
                        "detail": {"type": "string", "description": "What is wrong, and what would be right."},
                        "reason": {"type": "string", "enum": reasons},
                    },
                }
            }
        },
    }


def _reasons(status: int) -> list[str]:
    return [reason for reason, problem in PROBLEMS.items() if problem.status == status]


RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The scene was taken before; nothing was published."},
    201: {"description": "The scene's tiles were published."},
    400: _problem(400, "The request cannot be read.", _reasons(400)),
    401: _problem(401, "The bearer token is missing or unknown.", ["token-unknown"]),
    403: _problem(403, "The token is not good for this.", ["scope-missing", *_reasons(403)]),
    413: _problem(413, "Something is too large.", _reasons(413)),
    415: _problem(415, "The media type is not supported.", _reasons(415)),
    422: _problem(422, "The scene or its metadata cannot be used.", _reasons(422)),
    503: _problem(503, "Railwatch cannot take the scene now; try again after `Retry-After`.", ["unavailable"]),
}
