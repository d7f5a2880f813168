"""Who may push what to `POST /v1/scenes`: a token is good for its scopes and its sites."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.events import ActEvent
from tests.support.geotiff import SITE_YAML, write_site
from tests.support.ingest import TOKEN, Desk, desk_over
from tests.support.pushing import METADATA, push, sender
from tests.support.stac_item import stac_item

Named = Callable[..., tuple[Tokens, str]]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_a_stranger_is_turned_away_and_leaves_no_trace(desk: Desk, headers: dict[str, str]) -> None:
    with TestClient(desk.app()) as client:
        answer = client.post("/v1/scenes", files={"file": b""}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert "Authorization: Bearer" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert desk.published == []


@pytest.fixture
def named(tmp_path: Path) -> Named:
    """A token with scopes and sites: what ingest knows of it, and the token itself."""

    def named(*scopes: Scope, sites: Sequence[str] = ()) -> tuple[Tokens, str]:
        token, entry = new_entry("maxar", scopes, sites)
        (tmp_path / "tokens.yaml").write_text(entry)
        return Tokens(tmp_path / "tokens.yaml"), token

    return named


def pushed(desk: Desk, named: tuple[Tokens, str], metadata: dict[str, Any] = METADATA) -> Response:
    with sender(desk, *named) as client:
        return push(client, metadata=metadata)


def test_the_events_say_who_pushed(desk: Desk, named: Named) -> None:
    assert pushed(desk, named(Scope.PUSH, sites=["yard"])).status_code == 201
    assert desk.tiles[0].sender == "maxar"
    assert pushed(desk, named(Scope.PUSH), {"observed_at": "yesterday"}).status_code == 422
    assert desk.dead_letters[0].sender == "maxar"


def test_a_baseline_that_is_pushed_is_in_the_log_of_acts_once_and_a_look_is_not(desk: Desk, named: Named) -> None:
    known = named(Scope.PUSH, Scope.BASELINE)
    assert pushed(desk, known, {**METADATA, "role": "baseline"}).status_code == 201
    assert pushed(desk, known, {**METADATA, "role": "baseline"}).status_code == 200
    assert pushed(desk, known, {**METADATA, "scene": "a-look"}).status_code == 201
    (act,) = [event for event in desk.published if isinstance(event, ActEvent)]
    assert (act.act, act.by, act.sender, act.admission, act.door) == (
        "baseline-push",
        "maxar",
        "maxar",
        "token",
        "ingest",
    )
    assert (act.site, act.about, act.event) == ("yard", desk.tiles[0].scene, desk.tiles[0].id)


@pytest.mark.parametrize(
    ("scope", "role", "status"),
    [
        (Scope.PUSH, "observation", 201),
        (Scope.PUSH, "baseline", 403),
        (Scope.BASELINE, "baseline", 201),
        (Scope.BASELINE, "observation", 403),
        (Scope.READ, "observation", 403),
        (Scope.ACKNOWLEDGE, "observation", 403),
        (Scope.OPERATE, "baseline", 403),
    ],
)
def test_a_token_is_good_for_its_scopes_only(desk: Desk, named: Named, scope: Scope, role: str, status: int) -> None:
    answer = pushed(desk, named(scope), {**METADATA, "role": role})
    assert answer.status_code == status
    assert [tile.role for tile in desk.tiles] == ([role] if status == 201 else [])
    if status == 403:
        known = scope in (Scope.PUSH, Scope.BASELINE)
        assert answer.json()["reason"] == ("role-not-allowed" if known else "scope-missing")
        assert [letter.reason for letter in desk.dead_letters] == (["role-not-allowed"] if known else [])


def test_a_stac_item_is_bound_by_the_token_too(desk: Desk, named: Named) -> None:
    answer = pushed(desk, named(Scope.PUSH), stac_item("x.tif", **{"railwatch:role": "baseline"}))
    assert (answer.status_code, answer.json()["reason"]) == (403, "role-not-allowed")


def test_a_token_reaches_its_sites_only(desk: Desk, named: Named) -> None:
    answer = pushed(desk, named(Scope.PUSH, sites=["another"]))
    assert (answer.status_code, answer.json()["reason"]) == (403, "site-not-allowed")
    assert "yard" not in answer.text
    assert desk.tiles == []


def test_of_several_sites_those_of_the_token_get_their_tiles(tmp_path: Path, named: Named) -> None:
    (tmp_path / "sites").mkdir()
    write_site(tmp_path / "sites", yaml=SITE_YAML.replace("id: yard", "id: other"))
    desk = desk_over(tmp_path)
    answer = pushed(desk, named(Scope.PUSH, sites=["yard"]))
    assert answer.status_code == 201
    assert {tile.site for tile in desk.tiles} == {"yard"}
    (remark,) = answer.json()["remarks"]
    assert "other sites" in remark
