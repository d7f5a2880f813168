"""Sites: the rail facilities that are monitored, their tracks, and the cells into which their scenes are cut.

A site is one YAML file and one GeoJSON file of track centrelines. `load_sites` reads a directory of them.
"""

from railwatch.shared.sites.load import SiteCatalogue, known_sites, load_sites, load_tracks
from railwatch.shared.sites.model import CAR_LENGTHS_M, Cell, ContextEvent, LonLat, NewNormal, Site, Track

__all__ = [
    "CAR_LENGTHS_M",
    "Cell",
    "ContextEvent",
    "LonLat",
    "NewNormal",
    "Site",
    "SiteCatalogue",
    "Track",
    "known_sites",
    "load_sites",
    "load_tracks",
]
