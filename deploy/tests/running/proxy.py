"""A real nginx with the configuration of deploy/proxy, before alerting with the settings beside it, on loopback.

In place of oauth2-proxy stands a server that answers as it does: whom a session is of, by a cookie.
"""

import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response

from deploy.tests.rendering import DEPLOY
from railwatch.embedded import free_port, running
from railwatch.services.alerting.api import make_app
from railwatch.shared.access import Tokens
from railwatch.shared.admission import readers
from railwatch.shared.health import Progress
from railwatch.shared.proxy import ProxySettings, trusted
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from tests.support.products import World
from tests.support.tls_proxy import CERTIFICATE, KEY

PROXY = DEPLOY / "proxy"
PACKAGED = DEPLOY.parent / ".cache" / "nginx" / "usr" / "sbin" / "nginx"
# Who is signed in, by the cookie of the session: e-mail address and groups.
SESSIONS = {
    "rita": ("rita@desk.example", "readers"),
    "ada": ("ada@desk.example", "staff,analysts"),
    "otto": ("otto@desk.example", "ops"),
    "wes": ("wes@desk.example", "desk-west"),
    "nemo": ("nemo@desk.example", "staff"),
}
MAIN = """
worker_processes 1;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/railwatch.conf;
}}
"""


@dataclass(frozen=True)
class SignIn:
    """The service as people reach it, and as nobody should.

    Attributes:
        url: nginx.
        behind: alerting itself.
    """

    url: str
    behind: str

    def client(self, session: str | None = None, **headers: str) -> httpx.Client:
        """A browser at nginx, signed in or not."""
        cookies = {"_oauth2_proxy": session} if session else {}
        return httpx.Client(
            base_url=self.url,
            verify=ssl.create_default_context(cafile=CERTIFICATE),
            cookies=cookies,
            headers={"Origin": self.url, **headers},
        )


def variables() -> dict[str, str]:
    """What railwatch.env sets."""
    lines = (PROXY / "railwatch.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def signing_in(world: World, folder: Path) -> Iterator[SignIn]:
    """Everything, started."""
    found = variables()
    settings = ProxySettings.model_validate(
        {
            name.removeprefix("RAILWATCH_PROXY_").lower(): value
            for name, value in found.items()
            if name.startswith("RAILWATCH_PROXY_")
        }
    )
    tokens = Tokens(None, proxy=trusted(settings))
    reader = readers(tokens, everyone=found["RAILWATCH_ALERTING_READING"] == "open")
    app = make_app(world.store, world.products.sites, world.blobs, tokens, Progress(), {}, reader)
    port = free_port()
    with serve(app, HttpSettings(port=0)) as alerting, serve(_oauth2_proxy(), HttpSettings(port=0)) as sessions:
        places = {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/railwatch.example.pem": str(CERTIFICATE),
            "/etc/ssl/private/railwatch.example.key": str(KEY),
            "http://127.0.0.1:8080": alerting,
            "http://127.0.0.1:4180": sessions,
        }
        (folder / "railwatch.conf").write_text(_placed((PROXY / "nginx.conf").read_text(), places))
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        nginx = shutil.which("nginx") or str(PACKAGED)
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        subprocess.run([*command, "-t"], check=True, capture_output=True)
        with running("nginx", command, port):
            yield SignIn(f"https://127.0.0.1:{port}", alerting)


def _placed(text: str, places: Mapping[str, str]) -> str:
    for here, there in places.items():
        assert here in text, here
        text = text.replace(here, there)
    return text


def _oauth2_proxy() -> FastAPI:
    app = FastAPI()

    @app.get("/oauth2/auth")
    def auth(request: Request) -> Response:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get("_oauth2_proxy")
        session = SESSIONS.get(cookie.value) if cookie else None
        if session is None:
            return Response(status_code=401)
        return Response(
            status_code=202, headers={"X-Auth-Request-Email": session[0], "X-Auth-Request-Groups": session[1]}
        )

    @app.get("/oauth2/start")
    def start(rd: str) -> str:
        return f"Sign in to see {rd}."

    return app
