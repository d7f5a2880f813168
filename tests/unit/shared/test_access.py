"""Who may do what: the file of tokens."""

import hashlib
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from railwatch.shared.access import TOKENS_FILE_VALID, Scope, Tokens, new_entry, read_entries
from railwatch.shared.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


def rewritten(file: Path, text: str) -> None:
    """As a mounted Secret changes: another file takes the name."""
    other = file.with_suffix(".new")
    other.write_text(text)
    os.replace(other, file)  # noqa: PTH105


def valid() -> float:
    (metric,) = TOKENS_FILE_VALID.collect()
    return metric.samples[0].value


def test_a_token_is_known_by_its_hash_only(file: Path) -> None:
    token, entry = new_entry("maxar", [Scope.PUSH], ["yard"])
    file.write_text(entry)
    assert token not in file.read_text()
    holder = Tokens(file).holder(token)
    assert holder is not None
    assert (holder.name, holder.scopes, holder.sites) == ("maxar", frozenset({Scope.PUSH}), frozenset({"yard"}))
    assert holder.reaches("yard")
    assert not holder.reaches("another")


@pytest.mark.parametrize("given", ["", "wrong", "\ud800", "0" * 64])
def test_anything_else_has_no_holder(file: Path, given: str) -> None:
    file.write_text(new_entry("maxar", [Scope.PUSH], [])[1])
    assert Tokens(file).holder(given) is None


def test_the_hash_itself_is_no_token(file: Path) -> None:
    token, entry = new_entry("maxar", [Scope.PUSH], [])
    file.write_text(entry)
    assert Tokens(file).holder(hashlib.sha256(token.encode()).hexdigest()) is None


def test_tokens_come_and_go_without_a_restart(file: Path) -> None:
    (old, first), (new, second) = (new_entry("maxar", [Scope.PUSH], []) for _ in range(2))
    file.write_text(first)
    tokens = Tokens(file)
    rewritten(file, first + second)
    assert tokens.holder(old)
    assert tokens.holder(new), "one name may have two tokens while one replaces the other"
    rewritten(file, second)
    assert tokens.holder(old) is None
    assert tokens.holder(new)
    rewritten(file, "")
    assert tokens.holder(new) is None


def test_a_file_that_breaks_changes_nothing_and_is_told(file: Path) -> None:
    token, entry = new_entry("maxar", [Scope.PUSH], [])
    file.write_text(entry)
    tokens = Tokens(file)
    for broken in ("- name: maxar", ": [", "7" * 5000, "[" * 100_000):
        rewritten(file, broken)
        assert tokens.holder(token)
        assert valid() == 0
    file.unlink()
    assert tokens.holder(token)
    rewritten(file, entry)
    assert tokens.holder(token)
    assert valid() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {name: a b, sha256: %s, scopes: [push]}", "name"),
        ("- {name: maxar, sha256: secret-in-clear, scopes: [push]}", "sha256"),
        ("- {name: maxar, sha256: %s, scopes: [fly]}", "scopes"),
        ("- {name: maxar, sha256: %s, scopes: []}", "scopes"),
        ("- {name: maxar, sha256: %s, scopes: [push], sites: []}", "sites"),
        ("- {name: maxar, sha256: %s, scopes: [push], site: [yard]}", "site"),
        ("- {name: maxar, sha256: %s, scopes: [push]}\n- {name: desk, sha256: %s, scopes: [read]}", "twice"),
        ("name: maxar", "list"),
        ("x" * 2_000_000, "larger"),
    ],
)
def test_a_wrong_file_is_refused_in_clear_words(file: Path, text: str, words: str) -> None:
    file.write_text(text.replace("%s", "a" * 64))
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_entries(file)
    assert "secret-in-clear" not in str(refused.value)
    assert len(str(refused.value)) < 1500


def test_tokens_of_the_simple_form_have_no_name() -> None:
    tokens = Tokens(None, [SecretStr("a-token-without-name")], [Scope.PUSH])
    holder = tokens.holder("a-token-without-name")
    assert holder is not None
    assert (holder.name, holder.scopes, holder.sites) == (None, frozenset({Scope.PUSH}), None)
