"""Saves a site that was drawn, if nobody has changed it meanwhile."""

from pathlib import Path
from typing import Any

from railwatch.shared.errors import ConfigurationError
from railwatch.shared.sites.document import read_json, read_yaml
from railwatch.shared.sites.load import files_named_in
from railwatch.siting.page.drafts import Draft, files_of, version_of, with_fields
from railwatch.siting.page.shelves import ChangedMeanwhileError, Shelf


def save_draft(shelf: Shelf, site: str, draft: Draft, version: str | None) -> str:
    """Writes a site's files, if they are right. The YAML is replaced last, so a service sees the old site or the new.

    The files of before stay, until the next save: they are the way back.

    Args:
        shelf: where the sites' files are.
        site: the site's id.
        draft: the site.
        version: of the files that the page read; null for a new site.

    Returns:
        The version of the files now.

    Raises:
        ChangedMeanwhileError: they are of another version, or the new site exists.
        ConfigurationError: a service would not take them. Nothing is changed.
        ReadOnlyError: they cannot be written here.
        TransientError: the object store is away.
    """
    with_proposed = all(track.proposed for track in draft.tracks)
    with shelf.alone():
        if version is None:
            if shelf.file_of(site) is not None:
                raise ChangedMeanwhileError
            files, fields = files_of(site, draft)
            text = with_fields(f"id: {site}\n", fields)
            saved = shelf.put(f"{site}.yaml", files, text, None, with_proposed=with_proposed)
            kept = set(files)
        else:
            if (name := shelf.file_of(site)) is None:
                raise ChangedMeanwhileError
            with shelf.taken(name) as held:
                before = read_yaml(held.path)
                if version_of(before) != version:
                    raise ChangedMeanwhileError
                area = before.data.get("area")
                files, fields = files_of(site, draft, _area_properties(held.path.parent / area) if area else None)
            text = with_fields(before.text, fields)
            saved = shelf.put(name, files, text, held, with_proposed=with_proposed)
            kept = {*files, *files_named_in(before)}
        shelf.sweep(site, kept)
    return saved


def _area_properties(path: Path) -> dict[str, Any]:
    try:
        (feature,) = read_json(path).data["features"]
        return dict(feature["properties"] or {})
    except (ConfigurationError, KeyError, TypeError, ValueError, AttributeError):  # it is replaced by a good one
        return {}
