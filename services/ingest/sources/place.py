"""Which directory a directory is, wherever it is mounted.

Replicas with one directory between them look through it in turns. Those with directories of their own, on machines of
their own, do not wait for each other.
"""

import errno
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from railwatch.shared.events import derived_id

# The file that says it, in the directory itself.
MARKER = ".railwatch-source"


def place_of(directory: Path) -> str:
    """An id of a directory. It is made by whoever asks first.

    Raises:
        OSError: the directory cannot be read or written, or the file is empty.
    """
    marker = directory / MARKER
    with suppress(FileExistsError), marker.open("x") as file:
        file.write(uuid4().hex)
    text = marker.read_text()
    if not text:
        raise OSError(errno.EAGAIN, f"{MARKER} is empty; if it stays so, delete it")
    return derived_id(text)[:16]
