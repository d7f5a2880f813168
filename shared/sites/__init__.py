"""Sites: the rail facilities that are monitored, their tracks, and the cells into which their scenes are cut.

A site is one YAML file and one file of track centrelines. `load_sites` reads a directory of them.
"""

from railwatch.shared.sites.load import SiteCatalogue, SiteRead, known_sites, load_sites, read_site
from railwatch.shared.sites.model import CAR_LENGTHS_M, Cell, ContextEvent, LonLat, NewNormal, Site, Track
from railwatch.shared.sites.tracks import TrackLines, clipped, load_tracks, read_tracks

__all__ = [
    "CAR_LENGTHS_M",
    "Cell",
    "ContextEvent",
    "LonLat",
    "NewNormal",
    "Site",
    "SiteCatalogue",
    "SiteRead",
    "Track",
    "TrackLines",
    "clipped",
    "known_sites",
    "load_sites",
    "load_tracks",
    "read_site",
    "read_tracks",
]
