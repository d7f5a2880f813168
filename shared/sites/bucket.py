"""Sites in an object store: a prefix is copied into a folder, object by object as they change, and read there."""

from pathlib import Path

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from railwatch.shared.errors import TransientError
from railwatch.shared.sites.document import MAX_BYTES

log = structlog.get_logger(__name__)


class SiteBucket:
    """A prefix of an object store, and its copy in a folder.

    Attributes:
        store: the prefix. Objects further below it are left out.
        copy: the folder. It is empty at first.
    """

    def __init__(self, store: ObjectStore, copy: Path) -> None:
        self._store = store
        self._copy = copy
        self._tags: dict[str, str] = {}

    def fetch(self) -> None:
        """Brings the copy up to date. An object that cannot be read stays as it was in the copy.

        Raises:
            TransientError: the store cannot be listed.
        """
        try:
            listed = obstore.list_with_delimiter(self._store)["objects"]
        except (BaseError, OSError) as error:
            raise TransientError(f"The sites' bucket cannot be listed: {type(error).__name__}.") from error
        tags = {found["path"]: f"{found['e_tag']} {found['size']} {found['last_modified']}" for found in listed}
        changed = [name for name, tag in tags.items() if self._tags.get(name) != tag]
        # A site's own file comes last, so that it never names what is not there yet.
        for name in sorted(changed, key=lambda name: name.endswith((".yaml", ".yml"))):
            if self._fetched(name):
                self._tags[name] = tags[name]
        for name in self._tags.keys() - tags.keys():
            del self._tags[name]
            (self._copy / name).unlink(missing_ok=True)

    def _fetched(self, name: str) -> bool:
        try:
            found = obstore.get(self._store, name)
            if found.meta["size"] > MAX_BYTES:
                found = obstore.get(self._store, name, options={"range": (0, MAX_BYTES + 1)})  # enough to be refused
            data = bytes(found.bytes())
            part = self._copy / f".{name}.part"
            part.write_bytes(data)
            part.replace(self._copy / name)
        except (BaseError, OSError) as error:
            log.warning("a site file cannot be fetched", file=name, detail=type(error).__name__)
            return False
        return True
