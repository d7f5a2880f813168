"""What the checker of a chaos run says of the order of a tile's counts."""

import pytest

from tests.chaos.checker import out_of_order, tile_places
from tests.chaos.topics import Record
from tests.support.bus import tile

PLACES = {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("places", "found"),
    [
        (PLACES, ["a", "b", "c"]),
        (PLACES, ["a", "c"]),
        # The pixels of b were lost. It is counted when they are there again, whenever that is.
        ({"a": 0, "c": 2}, ["a", "c", "b"]),
    ],
)
def test_counts_in_the_order_of_their_records_are_right(places: dict[str, int], found: list[str]) -> None:
    assert list(out_of_order(places, found)) == []


def test_a_count_after_that_of_a_later_record_is_found() -> None:
    assert list(out_of_order(PLACES, ["a", "c", "b"])) == ["c came before b"]


def test_a_scene_whose_first_record_is_a_dead_letter_has_no_place_even_if_it_was_pushed_again() -> None:
    lost, other = tile(1), tile(2)
    topic = type(lost).TOPIC
    records = [Record(topic, 3, offset, event) for offset, event in enumerate([lost, other, lost])]

    places = tile_places(records, [(topic, 3, 0)])

    assert places == {f"{other.site}/{other.tile}": {other.scene: 1}}
