"""Files of others that are in the repository are those that were checked."""

from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUMS = sorted([*ROOT.glob("s*/**/assets/*/SHA256SUMS"), *ROOT.glob("tests/pages/*/SHA256SUMS")])


def test_all_of_them_are_looked_at() -> None:
    assert {sums.parent.name for sums in SUMS} == {"maplibre-gl", "world", "axe-core"}


@pytest.mark.parametrize("sums", SUMS, ids=lambda sums: sums.parent.name)
def test_a_bundled_part_is_the_one_that_was_checked(sums: Path) -> None:
    listed = {name: checksum for checksum, name in map(str.split, sums.read_text().splitlines())}
    held = {file.name: sha256(file.read_bytes()).hexdigest() for file in sums.parent.iterdir() if file != sums}
    assert held == listed
