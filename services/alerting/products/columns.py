"""The columns of each product: what CSV, GeoJSON, OGC API - Features and exports have in common.

`docs/products.md` shows them as tables; a test holds it to them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Kind = Literal["text", "number", "integer", "boolean", "time", "texts"]


class Product(StrEnum):
    """What others may have."""

    SITES = "sites"
    LOOKS = "looks"
    CARS = "cars"
    ALERTS = "alerts"


@dataclass(frozen=True)
class Column:
    """One property of a product's rows. It may be null.

    Attributes:
        name: its name, with the unit.
        kind: what it holds; `texts` is a list, in tables one text with its members separated by `; `.
        description: what it says.
    """

    name: str
    kind: Kind
    description: str


_Described = tuple[str, Kind, str]


def _columns(*described: _Described) -> tuple[Column, ...]:
    return tuple(Column(*one) for one in described)


_SITE = _columns(("site", "text", "id of the site"), ("site_name", "text", "its name"))
_NUMBERS = _columns(
    ("count", "number", "railcars; null if the site could not be observed, or was measured and not counted"),
    ("low", "number", "lower end of the 90 % interval"),
    ("high", "number", "upper end of the 90 % interval"),
    ("coverage", "number", "share of the site's track length that was seen, 0 to 1"),
    ("occupied_m", "number", "metres of track under trains, where pixels were too coarse to count"),
    ("occupied_low_m", "number", "lower end of its 90 % interval"),
    ("occupied_high_m", "number", "upper end of its 90 % interval"),
    ("cars_low", "number", "railcars on `occupied_low_m` if all are the longest that the site expects"),
    ("cars_high", "number", "railcars on `occupied_high_m` if all are the shortest"),
    (
        "recalibrated_count",
        "number",
        "the count as people's earlier verdicts at the site make it; null where none is known",
    ),
    ("recalibrated_low", "number", "lower end of its 90 % interval"),
    ("recalibrated_high", "number", "upper end of its 90 % interval"),
    ("recalibrated_looks", "integer", "how many looks with a true count it was learned from"),
    ("expected", "number", "what the site's history predicts"),
    ("threshold", "number", "upper prediction bound; null while learning, and for a look without a `state`"),
    ("p_value", "number", "how likely so high a count is if nothing had changed"),
)
_VERDICT_REASON: _Described = (
    "verdict_reason",
    "text",
    "because of what: `shadow`, `snow`, `building`, `wagon-body` or `other`",
)
_PROVENANCE = _columns(
    ("scenes", "texts", "ids of the scenes behind the numbers"),
    ("algorithms", "texts", "names and versions of the methods and models that counted"),
    ("baselines", "texts", "ids and versions of the baselines, `ID@VERSION`; `none` where a tile was counted alone"),
    ("images", "texts", "SHA-256 of each tile that was counted"),
)

_TYPES: dict[Kind, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "texts": {"type": "array", "items": {"type": "string"}},
}

COLUMNS: dict[Product, tuple[Column, ...]] = {
    Product.SITES: (
        *_columns(
            ("id", "text", "id of the site"),
            ("name", "text", "its name"),
            ("state", "text", "`learning`, `normal`, `alert`, `unobserved` or `measured`; null if it was never seen"),
            ("last_look_at", "time", "when the satellite last saw it, even if it saw only clouds"),
            ("observed_at", "time", "when the look was taken that the numbers are of: the newest that was judged"),
        ),
        *_NUMBERS,
        *_columns(
            ("alert", "text", "id of the alert that stands"),
            ("missed", "texts", "`look` and `clear-look`: what should have come by now"),
            ("look_due_at", "time", "by when the next look should come"),
            ("tracks", "integer", "number of its tracks"),
            ("track_length_m", "number", "their length"),
            ("tiles", "integer", "number of its cells that show track"),
            ("page_url", "text", "its page"),
        ),
    ),
    Product.LOOKS: (
        *_columns(("id", "text", "`SITE:SCENE`, with the first scene that has a part in the look")),
        *_SITE,
        *_columns(
            ("observed_at", "time", "when the satellite saw the site; of several frames, the first"),
            ("last_frame_at", "time", "when the last frame was taken, if there are several"),
            ("sensor", "text", "which sensor took it"),
        ),
        *_NUMBERS,
        *_columns(
            ("quality", "text", "`ok` for a count of the whole, `partial` of a part, `rejected` for none"),
            ("reasons", "texts", "why the quality is not `ok`, and remarks of the detector, each a short word"),
            ("missing_tiles", "texts", "tiles that were not counted"),
            ("state", "text", "how the site stands after this look"),
            ("no_state", "text", "why there is no state: `forgotten`, `other-shown` or `not-judged`"),
            ("alert", "text", "id of the alert that it belongs to; null if there is none, or no `state`"),
            ("archival", "boolean", "whether it came after a later one, or from an archive"),
            ("counted_at", "time", "when the last of its counts was recorded"),
        ),
        *_PROVENANCE,
        *_columns(
            ("events", "texts", "ids of its count events"),
            ("remarks", "texts", "what ingest left out of its scenes, or took in another way, each a sentence"),
            ("true_count", "integer", "railcars that people say there are; null until somebody says so"),
            ("verdicts", "integer", "how many verdicts of people on it stand; to ask for a second look is none"),
            ("page_url", "text", "its page"),
        ),
    ),
    Product.CARS: (
        *_columns(("id", "text", "`SITE:SCENE:TILE:NUMBER`, the number in its count")),
        *_SITE,
        *_columns(
            ("look", "text", "id of the look"),
            ("scene", "text", "id of the scene"),
            ("tile", "text", "id of the tile"),
            ("track", "text", "id of the track"),
            ("observed_at", "time", "when the satellite saw it"),
            ("sensor", "text", "which sensor took it"),
            ("lon", "number", "longitude of the body's centre, WGS 84 degrees"),
            ("lat", "number", "latitude of the body's centre"),
            ("length_m", "number", "length of the body along the track"),
            ("along_m", "number", "how far along its track the centre stands, from the track's first vertex"),
            ("probability", "number", "posterior probability that a car stands here"),
            ("kind", "text", "what it looks like; null where no kind is likelier than all others together"),
            ("kind_probability", "number", "how likely that kind is"),
            ("tile_count", "number", "the count of its tile, which is not the number of its cars"),
            ("tile_low", "number", "lower end of the 90 % interval of that count"),
            ("tile_high", "number", "upper end of the 90 % interval"),
            ("tile_coverage", "number", "share of the cell's track length that was seen, 0 to 1"),
            ("quality", "text", "`ok` or `partial`"),
            ("reasons", "texts", "why the quality is not `ok`, and remarks of the detector, each a short word"),
            ("algorithm", "text", "name and version of the method and its model"),
            ("baseline", "text", "id and version of the baseline, `ID@VERSION`; `none` if the tile was counted alone"),
            ("image", "text", "SHA-256 of the tile that was counted"),
            ("event", "text", "id of the count event"),
            ("recorded_at", "time", "when the count was recorded"),
            (
                "verdict",
                "text",
                "what people say of it: `right`, `not-a-car`, `one-car` (with another drawn one) or `two-cars`; "
                "null until somebody does",
            ),
            _VERDICT_REASON,
        ),
    ),
    Product.ALERTS: (
        *_columns(("id", "text", "id of the alert")),
        *_SITE,
        *_columns(
            ("state", "text", "`standing`, `resolved` or `retracted`"),
            ("severity", "text", "`warning` or `critical`"),
            ("opened_at", "time", "when the look was taken that opened it"),
            ("recorded_at", "time", "when its last step was recorded"),
            ("transition", "text", "its last step"),
            ("sequence", "integer", "the number of that step"),
            ("reason", "text", "why, in one sentence"),
            ("onset_at", "time", "when the rise began"),
            ("onset_low", "time", "lower end of its 90 % interval"),
            ("onset_high", "time", "upper end of its 90 % interval"),
            ("observed_at", "time", "when the look of the last step was taken, which the numbers are of"),
        ),
        *_NUMBERS,
        *_columns(("missing_tiles", "texts", "tiles that were not counted in time")),
        *_PROVENANCE,
        *_columns(
            ("verdict", "text", "what people say of it, the last word: `right`, `false` or `unclear`"),
            _VERDICT_REASON,
            ("sentence", "text", "the alert in one sentence for a person"),
            ("page_url", "text", "its page"),
            ("picture_url", "text", "a picture of a tile with each counted car drawn"),
        ),
    ),
}


def property_schemas(product: Product) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each column of a product, by name; that it may be null is left out."""
    return {column.name: {**_TYPES[column.kind], "description": column.description} for column in COLUMNS[product]}
