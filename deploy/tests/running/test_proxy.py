"""Sign-in by header with a real nginx, set up as deploy/proxy says."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.tests.running.proxy import PROXY, SignIn, signing_in, variables
from railwatch.embedded import embedded_redis
from railwatch.shared.events import ActEvent
from railwatch.shared.proxy import HEADERS_IGNORED
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.products import World, cars_event, world

PICTURE = b"\x89PNG\r\n\x1a\n a picture"
# What somebody sends who wants to be an operator, or an analyst of another name.
FORGED = {"X-Auth-Request-Email": "boss@desk.example", "X-Auth-Request-Groups": "ops"}
UNDERSCORED = {name.replace("-", "_"): value for name, value in FORGED.items()}


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    """An alert at each of two sites, with a picture."""
    with embedded_redis() as environment:
        found = world(connect(RedisSettings(url=environment["RAILWATCH_REDIS_URL"])))
        pictured = {"evidence": {"cars": found.blobs.put(PICTURE, "image/png")}}
        for site in ("tumangang", "najin"):
            found.take(cars_event(3 * look, 6 + look % 3, site=site) for look in range(18))
            found.take([cars_event(60, 40, site=site).model_copy(update=pictured)])
        yield found


@pytest.fixture(scope="module")
def sign_in(made: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    with signing_in(made, tmp_path_factory.mktemp("nginx")) as found:
        yield found


def alert_at(made: World, site: str) -> str:
    (alert,) = made.store.alerts(site)
    return alert


def acknowledged(client: httpx.Client, alert: str) -> int:
    return client.post(f"/v1/alerts/{alert}/acknowledge", json={"by": "somebody else"}).status_code


def ignored(reason: str) -> float:
    return float(HEADERS_IGNORED.labels(reason)._value.get())


def test_a_stranger_is_led_to_sign_in_and_gets_nothing_else(sign_in: SignIn, made: World) -> None:
    alert = alert_at(made, "tumangang")
    stranger = sign_in.client()
    page = stranger.get(f"/alerts/{alert}")
    assert (page.status_code, urlsplit(page.headers["location"]).path) == (302, "/oauth2/start")
    assert stranger.get(page.headers["location"]).text == f'"Sign in to see /alerts/{alert}."'
    for path in ("/v1/sites", f"/v1/alerts/{alert}", "/v1/looks?f=csv", "/ogc/collections/cars/items", "/v1/me"):
        assert stranger.get(path).status_code == 401, path


@pytest.mark.parametrize("forged", [FORGED, UNDERSCORED], ids=["as nginx sends them", "with underscores"])
def test_headers_that_a_client_forges_are_replaced_by_those_of_its_session(
    sign_in: SignIn, made: World, forged: dict[str, str]
) -> None:
    alert = alert_at(made, "tumangang")
    shown = {**forged, "X-Railwatch-Proxy-Secret": "a-secret-that-is-not-right"}
    assert sign_in.client(**shown).get("/v1/sites").status_code == 401, "without a session"
    rita = sign_in.client("rita", **shown)
    assert rita.get("/v1/me").json() == {"person": "rita@desk.example", "scopes": ["read"]}
    assert acknowledged(rita, alert) == 403
    nobody = sign_in.client("nemo", **shown)
    assert nobody.get("/v1/me").json() == {"person": "nemo@desk.example", "scopes": []}
    assert nobody.get("/v1/sites").status_code == 403


@pytest.mark.parametrize("secret", [None, "a-secret-that-is-not-right"])
def test_who_comes_past_nginx_is_not_believed_and_is_counted(sign_in: SignIn, secret: str | None) -> None:
    before = ignored("secret")
    shown = {"X-Railwatch-Proxy-Secret": secret} if secret else {}
    answer = httpx.get(f"{sign_in.behind}/v1/sites", headers={**FORGED, **shown})
    assert (answer.status_code, ignored("secret")) == (401, before + 1)


def test_each_role_may_do_its_own_and_acts_bear_the_name_that_was_signed_in(sign_in: SignIn, made: World) -> None:
    here, there = alert_at(made, "tumangang"), alert_at(made, "najin")
    allowed = {
        session: (acknowledged(sign_in.client(session), here), acknowledged(sign_in.client(session), there))
        for session in ("rita", "ada", "otto", "wes", "nemo")
    }
    assert allowed == {"rita": (403, 403), "ada": (200, 200), "otto": (200, 200), "wes": (403, 200), "nemo": (403, 403)}
    acts = [event for event in made.store.outbox("tumangang") if isinstance(event, ActEvent)]
    assert [(act.by, act.sender, act.admission) for act in acts] == [
        ("ada@desk.example", None, "proxy"),
        ("otto@desk.example", None, "proxy"),
    ]
    elsewhere = sign_in.client("ada", Origin="https://evil.example")
    assert acknowledged(elsewhere, here) == 403, "a page elsewhere makes her browser send it"


def test_links_to_evidence_follow_who_may_read(sign_in: SignIn, made: World) -> None:
    pages = {site: f"/alerts/{alert_at(made, site)}" for site in ("tumangang", "najin")}
    rita, wes = sign_in.client("rita"), sign_in.client("wes")
    for site, page in pages.items():
        links = set(re.findall(r'(?:src|href)="([^"]*/pictures/[^"]*)"', rita.get(page).text))
        assert links, page
        for link in links:
            address = httpx.URL(sign_in.url).join(page).join(link)
            assert rita.get(address).content == PICTURE
            assert sign_in.client().get(address).status_code == 401
            assert httpx.get(f"{sign_in.behind}{address.raw_path.decode()}", headers=FORGED).status_code == 401
            assert wes.get(address).status_code == (200 if site == "najin" else 404)
    assert wes.get(pages["tumangang"]).status_code == 404


def test_both_files_name_the_same_headers_and_the_same_secret() -> None:
    text, found = (PROXY / "nginx.conf").read_text(), variables()
    set_by_nginx = dict(re.findall(r"^    proxy_set_header (\S+) \"?([^\";]+)\"?;", text, re.MULTILINE))
    assert set_by_nginx[found["RAILWATCH_PROXY_PERSON_HEADER"]] == "$person"
    assert set_by_nginx[found["RAILWATCH_PROXY_GROUPS_HEADER"]] == "$groups"
    assert set_by_nginx["X-Railwatch-Proxy-Secret"] == found["RAILWATCH_PROXY_SECRET"]
