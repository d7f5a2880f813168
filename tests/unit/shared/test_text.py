from hypothesis import given
from hypothesis import strategies as st

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events.base import derived_id
from railwatch.shared.text import plain

# Any code point, lone surrogates and control characters too.
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT, st.integers(1, 30))
def test_any_text_becomes_one_short_line_that_can_be_encoded(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert len(shown) <= limit


def test_good_text_stays_as_it_is() -> None:
    assert plain("Tumangang 두만강 å", 100) == "Tumangang 두만강 å"
    assert plain("a\ud800b\nc\x07", 100) == "a\\ud800b c\N{REPLACEMENT CHARACTER}"
    assert plain("too long", 4) == "too…"


@given(ANY_TEXT)
def test_a_refusal_can_be_told_whatever_it_quotes(text: str) -> None:
    assert UnprocessableError("metadata-invalid", text).detail.encode() is not None


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_has_an_id_of_its_own(one: str, other: str) -> None:
    assert (derived_id(one) == derived_id(other)) == (one == other)
