"""Documents that are wrong in one or several ways: metadata, STAC Items and pages, site files, events, settings."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Json = Any

ODD_TEXTS = st.one_of(
    st.sampled_from([
        "", " ", "\0", "\ud800", "../../etc/passwd", "http://[::1/x.tif", "http://[", "file:///dev/zero", "nan",
        "2023-10-05T02:11:00Z", "2023-10-05", "2023-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+14:00",
        "a" * 3000, "1e999", "\u202e", "s3://", "null", "https://a@b:99999/x.tif", "file://host/x.tif", "%00", "\n",
    ]),
    st.text(max_size=12),
)  # fmt: skip
ODD_VALUES: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 2**63, -(2**64), 10**400, 10**4400, 1e308, float("nan"), float("inf"), 400.5]),
    ODD_TEXTS,
    st.recursive(
        st.one_of(st.none(), st.integers(-5, 5), ODD_TEXTS),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD_TEXTS, inner, max_size=3)),
        max_leaves=5,
    ),
)


def places(document: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of each member of a document."""
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [place for name, value in members for place in ((*path, name), *places(value, (*path, name)))]


@st.composite
def mutated(draw: st.DrawFn, good: Json) -> Json:
    """A good document with some members replaced, left out, or added."""
    document = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 4))):
        found = places(document)
        if not found:
            return draw(ODD_VALUES)
        *parents, last = draw(st.sampled_from(found))
        holder = document
        for name in parents:
            holder = holder[name]
        match draw(st.integers(0, 5)):
            case 0 if isinstance(holder, dict):
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[draw(ODD_TEXTS)] = draw(ODD_VALUES)
            case 2 if isinstance(holder, list):
                holder.insert(0, draw(ODD_VALUES))
            case _:
                holder[last] = draw(ODD_VALUES)
    return draw(ODD_VALUES) if draw(st.integers(0, 30)) == 0 else document


@st.composite
def as_bytes(draw: st.DrawFn, documents: st.SearchStrategy[Json]) -> bytes:
    """A document as JSON; sometimes a few of its bytes are wrong, or it is nested without end."""
    document = draw(documents)
    try:
        text = bytearray(json.dumps(document).encode("utf-8", "replace"))
    except ValueError:  # an integer of more digits than Python writes
        text = bytearray(b'{"observed_at": ' + b"9" * 5000 + b"}")
    match draw(st.integers(0, 12)):
        case 0:
            del text[draw(st.integers(0, len(text))) :]
        case 1 if text:
            text[draw(st.integers(0, len(text) - 1))] = draw(st.integers(0, 255))
        case 2:
            depth = draw(st.sampled_from([50, 990, 100_000]))
            text = bytearray(b'{"a":' * depth + b"1" + b"}" * depth)
        case 3:
            text = bytearray(draw(st.binary(max_size=50)))
    return bytes(text)


METADATA = {
    "observed_at": "2023-10-05T02:11:00Z",
    "scene": "S1",
    "role": "observation",
    "sun": {"azimuth_deg": 168.0, "elevation_deg": 41.0},
}


def item(href: str, mask: str) -> dict[str, Any]:
    """A good STAC Item of a scene and its mask."""
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/view/v1.0.0/schema.json"],
        "id": "S1",
        "collection": "optical",
        "geometry": {"type": "Point", "coordinates": [128.6, 42.4]},
        "bbox": [128.6, 42.4, 128.6, 42.4],
        "properties": {
            "datetime": "2023-10-05T02:11:00Z",
            "start_datetime": "2023-10-05T02:10:00Z",
            "end_datetime": "2023-10-05T02:12:00Z",
            "updated": "2023-10-06T00:00:00Z",
            "view:sun_azimuth": 168.0,
            "view:sun_elevation": 41.0,
            "railwatch:role": "observation",
        },
        "links": [{"rel": "self", "href": "https://stac.example/items/S1"}],
        "assets": {
            "visual": {
                "href": href,
                "type": "image/tiff; application=geotiff",
                "roles": ["data"],
                "raster:bands": [{"scale": 1.0, "offset": 0.0}],
            },
            "udm2": {
                "href": mask,
                "type": "image/tiff",
                "roles": ["cloud"],
                "classification:classes": [{"value": 1, "name": "cloud"}],
            },
        },
    }


GOOD_SITE = """\
id: yard
name: Fuzzed Yard
tracks: yard.geojson
car_lengths_m: [12, 20]
tile_size_m: 3000
events:
  - {title: Kim-Putin meeting, at: 2023-09-13}
new_normal:
  - {at: 2023-10-01T00:00:00Z, by: someone, reason: a second yard}
"""
YAML_PARTS = (
    "2023-02-30", "10" * 2500, "!!python/object:os.system", "&a [*a]", "*nothing", "[[[[[[", "{{", "\t", "\0", "? ",
    ": ", "- ",
    "1e999", ".nan", ".inf", "0x", "0o9", "1:2:3", "~", "yes", "\u2028", "\ud7ff", "'", '"', "%YAML 9.9", "---\n",
    "...\n", "!!binary x",
    "12:30:99", "2023-13-45T99:99:99Z", "<<: *a", "!!timestamp 2023-02-30", "!!int x", "[" * 3000,
    "9999-12-31T23:59:59-14:00",
)  # fmt: skip


@st.composite
def site_yaml(draw: st.DrawFn) -> bytes:
    """A site's YAML with odd parts in it."""
    text = GOOD_SITE
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        part = draw(st.one_of(st.sampled_from(YAML_PARTS), st.text(max_size=6)))
        cut = draw(st.sampled_from([0, 0, 1, 5, 12]))
        text = text[:at] + part + text[at + cut :]
    return text.encode("utf-8", "replace")


def odd_environment(variables: dict[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Settings of which some have odd values. A variable cannot hold a zero byte."""
    clean: Callable[[str], str] = lambda text: text.encode("utf-8", "replace").decode().replace("\0", "")  # noqa: E731
    values = st.one_of(ODD_TEXTS.map(clean), st.integers().map(str), st.floats().map(str))
    return st.dictionaries(st.sampled_from(sorted(variables)), values, min_size=1, max_size=4)
