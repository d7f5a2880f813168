"""One small station in each of the forms in which OpenStreetMap's data come."""

import json
from pathlib import Path
from typing import Any

import osmium

# Nodes of a main line of two ways, a siding that leaves it and comes back, a spur with a track number, and a platform.
NODES = {
    1: (130.6100, 42.4150),
    2: (130.6120, 42.4150),
    3: (130.6140, 42.4150),
    4: (130.6160, 42.4150),
    5: (130.6180, 42.4150),
    6: (130.6130, 42.41505),
    7: (130.6150, 42.41505),
    8: (130.6200, 42.4160),
    9: (130.6120, 42.4152),
    10: (130.6140, 42.4152),
}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    101: ([1, 2, 3], {"railway": "rail", "usage": "main"}),
    102: ([3, 4, 5], {"railway": "rail", "usage": "main", "maxspeed": "60"}),
    103: ([2, 6, 7, 4], {"railway": "rail", "service": "siding"}),
    104: ([5, 8], {"railway": "rail", "service": "spur", "railway:track_ref": "7"}),
    105: ([9, 10], {"railway": "platform"}),
}


def geojson(**tags: str) -> str:
    """The station as Overpass turbo exports it, with a point for a switch."""
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "id": f"way/{number}",
            "properties": {"@id": f"way/{number}", **tags_of_way, **tags},
            "geometry": {"type": "LineString", "coordinates": [list(NODES[node]) for node in nodes]},
        }
        for number, (nodes, tags_of_way) in WAYS.items()
    ]
    switch = {"type": "Point", "coordinates": list(NODES[2])}
    features.append({"type": "Feature", "id": "node/2", "properties": {"railway": "switch"}, "geometry": switch})
    return json.dumps({"type": "FeatureCollection", "features": features})


def overpass(*, geometry: bool) -> str:
    """The station as an Overpass API answers, with the ways' own geometry or with nodes beside them."""
    ways = [
        {
            "type": "way",
            "id": number,
            "nodes": nodes,
            "tags": tags,
            **({"geometry": [{"lon": NODES[n][0], "lat": NODES[n][1]} for n in nodes]} if geometry else {}),
        }
        for number, (nodes, tags) in WAYS.items()
    ]
    nodes = [{"type": "node", "id": number, "lon": lon, "lat": lat} for number, (lon, lat) in NODES.items()]
    return json.dumps({"version": 0.6, "elements": ways if geometry else [*ways, *nodes]})


def write_osm(path: Path) -> Path:
    """The station as an `.osm` or `.osm.pbf` file."""
    with osmium.SimpleWriter(str(path)) as writer:
        for number, place in NODES.items():
            writer.add_node(osmium.osm.mutable.Node(id=number, location=place, version=1))
        for number, (nodes, tags) in WAYS.items():
            writer.add_way(osmium.osm.mutable.Way(id=number, nodes=nodes, tags=tags, version=1))
    return path
