"""The `RAILWATCH_*` variables of the system that `railwatch up` runs, in a file for other commands."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# In the folder of data.
FILE = "environment"


@contextmanager
def written(data: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """A block in which the file tells the variables. Only its owner may read it: it holds the token."""
    path = data / FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def environment_of(data: Path) -> dict[str, str]:
    """The variables of the system that runs on a folder of data; none if no system runs."""
    try:
        lines = (data / FILE).read_text().splitlines()
    except OSError:
        return {}
    return {name: value for name, found, value in (line.partition("=") for line in lines) if found}
