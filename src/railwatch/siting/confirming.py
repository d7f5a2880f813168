"""Proposed tracks become tracks when a person has looked at them."""

from collections.abc import Collection
from pathlib import Path

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites import SiteRead, read_site
from railwatch.shared.sites.document import read_json, read_yaml
from railwatch.siting.files import collection, put_files


def confirm(path: Path, tracks: Collection[str], without: Collection[str]) -> SiteRead:
    """Confirm proposed tracks of a site, in its file of tracks.

    Args:
        path: the site's YAML.
        tracks: names of those to confirm; all but `without` if none are named.
        without: names of those to remove.

    Raises:
        ConfigurationError: nothing is proposed, or no such track, or the site would have no track.
    """
    proposed = read_site(path, with_proposed=True).proposed
    if not proposed:
        raise ConfigurationError(f"No track is proposed in {path.name}: there is nothing to confirm.")
    for name in (*tracks, *without):
        if name not in proposed:
            known = ", ".join(proposed)
            raise ConfigurationError(f"No track {name} is proposed in {path.name}; proposed are: {known}.")
    site = read_yaml(path)
    file, area = site.data["tracks"], site.data.get("area")
    document = read_json(path.parent / file).data
    kept = []
    for feature in document["features"]:
        properties = feature.get("properties") or {}
        track = properties.get("track")
        if properties.get("proposed"):
            if track in without:
                continue
            if not tracks or track in tracks:
                del properties["proposed"]
        kept.append(feature)
    files = {file: collection(kept, document.get("attribution"))}
    if area:
        files[area] = (path.parent / area).read_text()
    return put_files(path, files, site.text)
