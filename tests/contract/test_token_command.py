"""`railwatch token new`, as an operator uses it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.shared.access import Role, Scope, Tokens, read_entries
from railwatch.shared.errors import ConfigurationError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["token", "new", *arguments])
    if result.exception:
        raise result.exception
    return result.stdout.strip()


def test_a_new_token_is_printed_once_and_its_hash_kept(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("# ours\n- {name: old, sha256: %s, scopes: [read]}" % ("a" * 64))
    secret = run("maxar", "--scope", "push", "--scope", "baseline", "--site", "yard", "--file", str(file))
    holder = Tokens(file).holder(secret)
    assert holder is not None
    assert (holder.name, holder.scopes, holder.sites) == (
        "maxar",
        frozenset({Scope.PUSH, Scope.BASELINE}),
        frozenset({"yard"}),
    )
    assert secret not in file.read_text()
    assert file.read_text().startswith("# ours\n- {name: old")
    assert not file.stat().st_mode & 0o002
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.yaml"]


@pytest.mark.parametrize("role", Role)
def test_a_role_is_a_short_form_of_scopes_and_others_may_be_added(tmp_path: Path, role: Role) -> None:
    file = tmp_path / "tokens.yaml"
    secret = run("ada", "--role", role.value, "--scope", "push", "--file", str(file))
    (entry,) = read_entries(file)
    assert entry.scopes == role.scopes | {Scope.PUSH}
    assert Tokens(file).holder(secret) == entry
    assert role.value not in file.read_text(), "an entry holds scopes only"


def test_a_token_that_is_good_for_nothing_is_not_made(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["token", "new", "ada", "--file", str(tmp_path / "tokens.yaml")])
    assert result.exit_code == 2
    assert not (tmp_path / "tokens.yaml").exists()


@pytest.mark.parametrize("name", ["a b", "", "../x", "x" * 200])
def test_a_name_that_events_cannot_say_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        run(name, "--scope", "push", "--file", str(tmp_path / "tokens.yaml"))
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("- name: maxar")
    with pytest.raises(ConfigurationError):
        run("desk", "--scope", "read", "--file", str(file))
    assert file.read_text() == "- name: maxar"
