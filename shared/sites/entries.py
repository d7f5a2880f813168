"""What is known of one site's files."""

from dataclasses import dataclass

from railwatch.shared.sites.catalogue import PackedSite
from railwatch.shared.sites.files import Stamp


@dataclass(frozen=True, slots=True)
class Version:
    """A site that could be read."""

    site: PackedSite
    retired: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a YAML file.

    Attributes:
        stamps: how the files were that were read, by name.
        faults: what is wrong with them.
        good: the last version without a fault; null if there was none.
        id: the site's id as the YAML says it, if it does.
        name: its name, likewise.
    """

    stamps: tuple[tuple[str, Stamp], ...]
    faults: tuple[str, ...]
    good: Version | None
    id: str | None = None
    name: str | None = None
