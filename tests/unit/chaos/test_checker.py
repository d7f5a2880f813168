"""What the checker of a chaos run says of the order of a tile's counts."""

import pytest

from tests.chaos.checker import out_of_order


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ({"a": [0], "b": [1], "c": [2]}, ["a", "b", "c"]),
        ({"a": [0], "b": [1], "c": [2]}, ["a", "c"]),
        # Its pixels were lost: the first record is a dead letter, and the count follows from the second.
        ({"a": [0], "b": [1, 3], "c": [2]}, ["a", "c", "b"]),
        # It was counted, and came again after its pixels were lost.
        ({"a": [0], "b": [1, 3], "c": [2]}, ["a", "b", "c"]),
    ],
)
def test_counts_in_the_order_of_their_records_are_right(places: dict[str, list[int]], found: list[str]) -> None:
    assert list(out_of_order(places, found)) == []


@pytest.mark.parametrize(
    ("places", "found"),
    [({"a": [0], "b": [1], "c": [2]}, ["a", "c", "b"]), ({"a": [0], "b": [1, 2], "c": [3]}, ["a", "c", "b"])],
)
def test_a_count_after_that_of_a_later_record_is_found(places: dict[str, list[int]], found: list[str]) -> None:
    assert list(out_of_order(places, found)) == ["c came before b"]
