"""People whom a proxy has signed in: whose word is taken, what their groups may do, and that no page elsewhere acts."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from railwatch.services.alerting.api import make_app
from railwatch.services.alerting.history.lifecycle import record_of
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.access import Role, Scope, Tokens
from railwatch.shared.admission import readers
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import ActEvent, AlertEvent
from railwatch.shared.health import Progress
from railwatch.shared.http import ACTS_REFUSED
from railwatch.shared.proxy import HEADERS_IGNORED, Grant, Person, ProxySettings, TrustedProxy, trusted
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import alert_event, small_site

ALERT_OF = {"tumangang": "a" * 32, "najin": "b" * 32}
SECRET = "what-only-the-proxy-knows"
PROXY, STRANGER = "10.1.2.3", "10.9.9.9"
ADA = {"X-Person": "ada@desk.example", "X-Groups": "staff,desk"}
HERE = {"Origin": "https://railwatch.example", "Host": "railwatch.example"}
SETTINGS = {
    "person_header": "X-Person",
    "groups_header": "X-Groups",
    "networks": "10.1.2.0/24",
    "roles": "desk=analyst,night=operator:najin,public=reader",
}

Made = Callable[..., TestClient]


@pytest.fixture
def store(redis_settings: RedisSettings) -> Store:
    """Two sites, each with an alert that stands."""
    store = Store(connect(redis_settings))
    for site, alert in ALERT_OF.items():
        event = alert_event(alert=alert).model_copy(update={"site": site})
        store.transact(site, partial(seed, event=event))
        store.published(site, store.outbox(site))
    return store


def seed(transaction: Transaction, event: AlertEvent) -> None:
    transaction.put_record(SiteRecord(alerts=(record_of(event),)))
    transaction.announce([event])


@pytest.fixture
def client(store: Store) -> Made:
    """A client that connects from an address. Reading needs a token or a role."""

    def made(peer: str = PROXY, headers: Mapping[str, str] = ADA, **changes: Any) -> TestClient:
        settings = ProxySettings.model_validate({**SETTINGS, **changes})
        tokens = Tokens(None, proxy=trusted(settings))
        blobs = BlobStore.open(BlobSettings(url="memory://"))
        sites = {site: small_site(site) for site in ALERT_OF}
        app = make_app(store, sites, blobs, tokens, Progress(), {}, readers(tokens, everyone=False))
        return TestClient(app, "https://railwatch.example", headers=dict(headers), client=(peer, 4711))

    return made


def acknowledge(client: TestClient, site: str = "tumangang", headers: Mapping[str, str] = HERE, **body: str) -> int:
    answer = client.post(f"/v1/alerts/{ALERT_OF[site]}/acknowledge", json=body, headers=dict(headers))
    return int(answer.status_code)


def ignored(reason: str) -> float:
    return float(HEADERS_IGNORED.labels(reason)._value.get())


def test_whom_the_proxy_signed_in_acts_under_the_name_that_the_proxy_gives(client: Made, store: Store) -> None:
    ada = client()
    assert ada.get("/v1/me").json() == {
        "person": "ada@desk.example",
        "scopes": ["acknowledge", "read", "verdict"],
    }
    assert acknowledge(ada, by="somebody else", note="On it.") == 200
    event, act = store.outbox("tumangang")
    assert isinstance(event, AlertEvent)
    assert isinstance(act, ActEvent)
    assert (event.by, event.sender) == ("ada@desk.example", None)
    assert (act.act, act.by, act.sender, act.admission) == ("acknowledge", "ada@desk.example", None, "proxy")
    assert (act.site, act.about, act.event) == ("tumangang", ALERT_OF["tumangang"], event.id)


def test_from_anywhere_else_the_headers_are_as_if_they_were_not_there_and_are_counted(client: Made) -> None:
    before = ignored("address")
    stranger = client(STRANGER)
    assert stranger.get("/v1/sites").status_code == 401
    assert stranger.get("/v1/me").json() == {"person": None, "scopes": []}
    assert acknowledge(stranger) == 401
    assert ignored("address") == before + 3
    forwarded = client(STRANGER, {**ADA, "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}"})
    assert forwarded.get("/v1/sites").status_code == 401


@pytest.mark.parametrize("shown", [None, "wrong", SECRET[:-1], SECRET])
@pytest.mark.parametrize("peer", [PROXY, STRANGER])
@pytest.mark.parametrize("networks", ["10.1.2.0/24", ()])
def test_with_a_secret_and_networks_both_must_be_right(
    client: Made, shown: str | None, peer: str, networks: Any
) -> None:
    headers = {**ADA, **({"X-Railwatch-Proxy-Secret": shown} if shown else {})}
    answer = client(peer, headers, secret=SECRET, networks=networks).get("/v1/sites")
    right = shown == SECRET and (peer == PROXY or not networks)
    assert answer.status_code == (200 if right else 401)


def test_without_the_setting_no_header_is_believed() -> None:
    assert trusted(ProxySettings()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"networks": ()},
        {"person_header": None},
        {"roles": ()},
        {"groups_header": None},
        {"roles": "desk"},
        {"roles": "desk=king"},
        {"roles": "desk=reader:"},
        {"networks": "10.1.2.3/24"},
        {"secret": "short"},
        {"person_header": "X Person"},
    ],
)
def test_half_a_trust_is_a_fault_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProxySettings.model_validate({**SETTINGS, **wrong})


@pytest.mark.parametrize(
    "raw",
    [
        [(b"x-person", b"ada"), (b"x-person", b"eve")],
        [(b"x-person", b"ada"), (b"x-groups", b"desk"), (b"x-groups", b"night")],
        [(b"x-person", b"  "), (b"x-groups", b"desk")],
        [(b"x-groups", b"desk")],
    ],
)
def test_a_header_that_comes_twice_or_names_nobody_is_not_believed(raw: list[tuple[bytes, bytes]]) -> None:
    before = ignored("malformed")
    assert person(raw) is None
    assert ignored("malformed") == before + 1


def person(raw: list[tuple[bytes, bytes]], peer: str = PROXY) -> Person | None:
    proxy = TrustedProxy(ProxySettings.model_validate(SETTINGS))
    return proxy.person(Request({"type": "http", "method": "GET", "headers": raw, "client": (peer, 1)}))


def test_names_are_utf_8_and_fit_to_be_shown() -> None:
    found = person([(b"x-person", "Zoë \u202eЖ".encode()), (b"x-groups", b" desk ,other")], "::ffff:10.1.2.9")
    assert found is not None
    assert (found.name, [grant.group for grant in found.grants]) == ("Zoë \ufffdЖ", ["desk"])


def test_a_person_without_a_role_is_told_so(client: Made) -> None:
    nobody = client(headers={"X-Person": "bob", "X-Groups": "staff"})
    answer = nobody.get("/v1/sites")
    assert (answer.status_code, answer.json()["reason"]) == (403, "scope-missing")
    assert acknowledge(nobody) == 403


def test_a_group_of_one_site_acts_and_reads_there_only(client: Made) -> None:
    night = client(headers={"X-Person": "eve", "X-Groups": "night"})
    assert [site["id"] for site in night.get("/v1/sites").json()["items"]] == ["najin"]
    assert acknowledge(night, "najin") == 200
    assert acknowledge(night, "tumangang") == 403


def test_reading_everywhere_and_acting_at_one_site_do_not_add_up_to_acting_everywhere(client: Made) -> None:
    both = client(headers={"X-Person": "eve", "X-Groups": "night,public"})
    assert len(both.get("/v1/sites").json()["items"]) == 2
    assert acknowledge(both, "tumangang") == 403
    assert acknowledge(both, "najin") == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (HERE, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://railwatch.example", "Host": "inside:8080", "X-Forwarded-Host": "railwatch.example"}, 200),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://railwatch.example.evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", **HERE}, 403),
        ({"Sec-Fetch-Site": "same-site", **HERE}, 403),
        ({"Sec-Fetch-Site": "none", **HERE}, 403),
        ({**HERE, "Content-Type": "text/plain"}, 403),
        ({**HERE, "Content-Type": "application/x-www-form-urlencoded"}, 403),
        ({**HERE, "Content-Type": "multipart/form-data; boundary=x"}, 403),
        ({**HERE, "Content-Type": ""}, 403),
    ],
)
def test_no_page_elsewhere_acts_with_a_persons_session(client: Made, headers: dict[str, str], status: int) -> None:
    refused = ACTS_REFUSED.labels("not-same-origin")._value.get()
    answer = client().post(
        f"/v1/alerts/{ALERT_OF['najin']}/acknowledge",
        content=b"{}",
        headers={"Content-Type": "application/json", **headers},
    )
    assert answer.status_code == status, answer.text
    assert (ACTS_REFUSED.labels("not-same-origin")._value.get() > refused) == (status == 403)
    assert "access-control-allow-origin" not in answer.headers


def test_what_a_proxy_sends_as_authorization_does_not_shut_a_person_out(client: Made) -> None:
    for authorization in ("Bearer an.id.token", "Basic YWRhOng="):
        ada = client(headers={**ADA, "Authorization": authorization})
        assert ada.get("/v1/sites").status_code == 200


sites = st.frozensets(st.sampled_from(["a", "b", "c"]), min_size=1)
grants = st.builds(Grant, group=st.just("g"), role=st.sampled_from(Role), sites=st.none() | sites)


@given(st.lists(grants, max_size=4), st.sampled_from(Scope), st.sampled_from(["a", "b", "c", "d"]))
def test_a_person_may_do_exactly_what_one_of_their_grants_allows(held: list[Grant], scope: Scope, site: str) -> None:
    allowed = any(scope in grant.role.scopes and (grant.sites is None or site in grant.sites) for grant in held)
    found = Person("ada", tuple(held)).with_one_of([scope])
    assert (found is not None and scope in found.scopes and found.reaches(site)) == allowed


def test_each_role_is_good_for_what_the_one_before_is_and_more() -> None:
    assert Role.READER.scopes < Role.ANALYST.scopes < Role.OPERATOR.scopes
    assert Role.OPERATOR.scopes.isdisjoint({Scope.PUSH, Scope.BASELINE}), "senders are programs"
