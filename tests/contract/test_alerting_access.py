"""Who may read, acknowledge and silence at which sites, by named tokens."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.history.lifecycle import record_of
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.records import SiteRecord, SiteStatus
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.access import Scope, Tokens, new_entry
from railwatch.shared.admission import readers
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import AlertEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, on_day, small_site

ALERT_OF = {"tumangang": "a" * 32, "najin": "b" * 32}
BLOBS = BlobStore.open(BlobSettings(url="memory://"))

# A client with a token of these scopes, for these sites.
Client = Callable[..., TestClient]


@pytest.fixture
def client(redis_settings: RedisSettings, tmp_path: Path) -> Client:
    """Two sites, each with an alert that stands. Reading needs a token."""
    store = Store(connect(redis_settings))
    for site, alert in ALERT_OF.items():
        event = alert_event(alert=alert).model_copy(
            update={"site": site, "site_name": site.title(), "sentence": f"{site.title()}: 25 railcars."}
        )
        store.transact(site, partial(seed, event=event))

    def client(*scopes: Scope, sites: Sequence[str] = (), everyone: bool = False) -> TestClient:
        token, entry = new_entry("desk", scopes, sites)
        (tmp_path / "tokens.yaml").write_text(entry)
        tokens = Tokens(tmp_path / "tokens.yaml")
        known = {site: small_site(site) for site in ALERT_OF}
        app = make_app(store, known, BLOBS, tokens, Progress(), {}, readers(tokens, everyone=everyone))
        return TestClient(app, headers={"Authorization": f"Bearer {token}"})

    return client


def seed(transaction: Transaction, event: AlertEvent) -> None:
    transaction.put_record(SiteRecord(alerts=(record_of(event),)))
    transaction.put_status(SiteStatus(state=State.ALERT, last_look_at=on_day(1), judged=None, alert=event.alert))
    transaction.announce([event])


READ = [
    "/",
    "/alerts/" + ALERT_OF["tumangang"],
    "/v1/sites",
    "/v1/sites/tumangang",
    "/v1/sites/tumangang/observations",
    "/v1/alerts",
    "/v1/alerts/" + ALERT_OF["tumangang"],
]


@pytest.mark.parametrize("path", [*READ, f"/v1/alerts/{ALERT_OF['tumangang']}/pictures/{'0' * 64}"])
def test_without_a_token_nothing_can_be_read(client: Client, path: str) -> None:
    reader = client(Scope.READ)
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}):
        answer = reader.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic"), "a browser asks for it"
        assert answer.headers["content-type"] == "application/problem+json"
    assert client(Scope.PUSH).get(path).status_code == 403


@pytest.mark.parametrize("path", READ)
def test_a_token_reads_as_bearer_and_as_a_browsers_password(client: Client, path: str) -> None:
    reader = client(Scope.READ)
    token = reader.headers.pop("Authorization").removeprefix("Bearer ")
    assert reader.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert reader.get(path, auth=("anyone", token)).status_code == 200
    assert reader.get(path, auth=(token, "anyone")).status_code == 401


def test_a_token_of_one_site_shows_nothing_of_another(client: Client) -> None:
    reader = client(Scope.READ, sites=["najin"])
    assert [site["id"] for site in reader.get("/v1/sites").json()["items"]] == ["najin"]
    assert [alert["site"] for alert in reader.get("/v1/alerts").json()["items"]] == ["najin"]
    assert "umangang" not in reader.get("/").text
    assert "Najin" in reader.get("/").text
    for path in READ[1:]:
        if "tumangang" in path or ALERT_OF["tumangang"] in path:
            assert reader.get(path).status_code == 404


def test_where_everyone_may_read_no_token_is_asked_for(client: Client) -> None:
    reader = client(Scope.READ, everyone=True)
    del reader.headers["Authorization"]
    assert {reader.get(path).status_code for path in READ} == {200}


@pytest.mark.parametrize(
    ("scope", "action", "status"),
    [
        (Scope.ACKNOWLEDGE, "acknowledge", 200),
        (Scope.OPERATE, "acknowledge", 403),
        (Scope.OPERATE, "silence", 200),
        (Scope.ACKNOWLEDGE, "silence", 403),
        (Scope.READ, "acknowledge", 403),
        (Scope.PUSH, "silence", 403),
    ],
)
@pytest.mark.parametrize("site", ["tumangang", "najin"])
def test_an_act_needs_its_scope_and_its_site(client: Client, scope: Scope, action: str, status: int, site: str) -> None:
    someone = client(scope, Scope.READ, sites=["tumangang"])
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    said = {"by": "Ada"} if action == "acknowledge" else {"by": "Ada", "until": until}
    answer = someone.post(f"/v1/alerts/{ALERT_OF[site]}/{action}", json=said)
    assert answer.status_code == (status if site == "tumangang" else 403)


def test_the_event_says_with_which_token(client: Client) -> None:
    someone = client(Scope.ACKNOWLEDGE, Scope.READ)
    address = f"/v1/alerts/{ALERT_OF['najin']}"
    someone.post(f"{address}/acknowledge", json={"by": "Ada"})
    step = someone.get(address).json()["transitions"][-1]
    assert (step["by"], step["sender"]) == ("Ada", "desk")
    assert step["reason"] == "Acknowledged by Ada with the token desk."


def test_the_password_of_a_browser_acts_on_nothing(client: Client) -> None:
    someone = client(Scope.ACKNOWLEDGE)
    token = someone.headers.pop("Authorization").removeprefix("Bearer ")
    address = f"/v1/alerts/{ALERT_OF['najin']}/acknowledge"
    assert someone.post(address, json={"by": "Eve"}, auth=("x", token)).status_code == 401
