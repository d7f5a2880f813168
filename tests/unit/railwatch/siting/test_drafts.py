"""A site's YAML with other values of some fields."""

import pytest
import yaml

from railwatch.siting.page.drafts import with_fields

FIELDS = {"name": "New: name", "tracks": "new.geojson", "area": None, "count_main": False}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: s\n", "id: s\nname: 'New: name'\ntracks: new.geojson\ncount_main: false\n"),
        (
            "# Ours.\nid: s\nname: S  # short\ntracks: old.geojson\narea: a.geojson\nevents: []  # none\n",
            "# Ours.\nid: s\nname: 'New: name'\ntracks: new.geojson\nevents: []  # none\ncount_main: false\n",
        ),
        ("id: s\ntracks: old.geojson\nname: S", "id: s\ntracks: new.geojson\nname: 'New: name'\ncount_main: false\n"),
    ],
)
def test_only_the_fields_change(before: str, after: str) -> None:
    assert with_fields(before, FIELDS) == after


@pytest.mark.parametrize("before", ["id: s\nname: >\n  of two\n  lines\ntracks: a\n", "{id: s, name: S, tracks: a}\n"])
def test_a_file_in_another_style_is_written_anew(before: str) -> None:
    assert yaml.safe_load(with_fields(before, FIELDS)) == {
        "id": "s",
        "name": "New: name",
        "tracks": "new.geojson",
        "count_main": False,
    }
