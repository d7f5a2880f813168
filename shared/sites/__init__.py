"""Sites: the rail facilities that are monitored, their tracks, and the cells into which their scenes are cut.

A site is one YAML file and one file of track centrelines. `load_sites` reads a directory of them, and `live_sites`
follows their changes.
"""

from railwatch.shared.sites.catalogue import PackedSites, SiteCatalogue, Watched
from railwatch.shared.sites.folder import load_sites
from railwatch.shared.sites.live import LEARNT_WITHIN, LiveSites, known_sites, live_sites, not_known
from railwatch.shared.sites.load import SiteRead, read_site
from railwatch.shared.sites.model import CAR_LENGTHS_M, Cell, ContextEvent, LonLat, NewNormal, Site, Track
from railwatch.shared.sites.tracks import TrackLines, clipped, load_tracks, read_tracks

__all__ = [
    "CAR_LENGTHS_M",
    "LEARNT_WITHIN",
    "Cell",
    "ContextEvent",
    "LiveSites",
    "LonLat",
    "NewNormal",
    "PackedSites",
    "Site",
    "SiteCatalogue",
    "SiteRead",
    "Track",
    "TrackLines",
    "Watched",
    "clipped",
    "known_sites",
    "live_sites",
    "load_sites",
    "load_tracks",
    "not_known",
    "read_site",
    "read_tracks",
]
