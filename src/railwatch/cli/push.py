"""`railwatch push`: push scenes to ingest, and wait until they are judged."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from railwatch.cli.terminal import complain, printable, several
from railwatch.shared.errors import ConfigurationError, RailwatchError

# Seconds for one request: a scene of some gigabytes takes its time.
PUSH_S = 600.0
# Seconds between two questions where a scene stands.
ASK_EVERY_S = 1.0
# Pauses that ingest asks for are kept, up to this many seconds.
LONGEST_PAUSE_S = 60.0

# What ingest answers about a scene.
Standing = dict[str, Any]


def address(text: str) -> str:
    """An address of ingest.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise typer.BadParameter(f"{text!r} is not an address such as http://127.0.0.1:8080.")
    return text


def push(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="GeoTIFFs, each with its metadata beside it in a .json of its name."),
    ],
    url: Annotated[
        str,
        typer.Option(
            envvar="RAILWATCH_PUSH_URL", show_envvar=True, parser=address, metavar="URL", help="URL of ingest."
        ),
    ] = "http://127.0.0.1:8080",
    token: Annotated[
        str, typer.Option(envvar="RAILWATCH_PUSH_TOKEN", show_envvar=True, help="Bearer token for ingest.")
    ] = "",
    observed_at: Annotated[
        str,
        typer.Option(metavar="TIME", help="In place of metadata, for a single file: when the satellite saw it."),
    ] = "",
    baseline: Annotated[
        bool, typer.Option("--baseline", help="The files are baselines, with which later looks are compared.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each scene is judged, and print its count.")] = False,
    wait_s: Annotated[
        float, typer.Option(min=1, help="With --wait: seconds to wait after the last change of anything.")
    ] = 1_200.0,
) -> None:
    """Push scenes to ingest in order of time. With --wait, tell what was counted and how it was judged.

    The exit code is 1 if a scene is refused, or is not judged in time. A file that was pushed before changes nothing.
    """
    if observed_at and len(files) > 1:
        raise typer.BadParameter("a time belongs to one file, and there are several", param_hint="--observed-at")
    documents = {path: _metadata(path, observed_at, baseline) for path in files}
    ordered = sorted(files, key=lambda path: str(documents[path].get("observed_at", "")))
    headers = {"Authorization": f"Bearer {token}"}
    failed = False
    with httpx.Client(base_url=url, headers=headers, timeout=PUSH_S) as client, _bars(wait) as (bars, tasks):
        pushed: list[str] = []
        for path in ordered:
            bars.update(tasks[0], total=len(files), description=f"pushing {printable(path.name)}")
            receipt = _push(client, path, documents[path])
            if receipt is not None:
                pushed.append(receipt["scene"])
            failed |= receipt is None
            bars.advance(tasks[0])
        if wait:
            failed |= not _await(client, pushed, wait_s, bars, tasks[1])
    if failed:
        raise typer.Exit(1)


@contextmanager
def _bars(waiting: bool) -> Iterator[tuple[Progress, tuple[TaskID, TaskID]]]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield bars, (bars.add_task("pushing"), bars.add_task("judging", visible=waiting))


def _push(client: httpx.Client, path: Path, document: dict[str, Any]) -> dict[str, Any] | None:
    """Ingest's receipt; null if it refuses the scene. Waits as long as ingest asks for.

    Raises:
        RailwatchError: ingest cannot be reached.
    """
    while True:
        with path.open("rb") as file:
            parts = {"file": (path.name, file, "image/tiff")}
            answer = _answer(client, "POST", "/v1/scenes", files=parts, data={"metadata": json.dumps(document)})
        if answer.status_code != 503:
            break
        time.sleep(min(float(answer.headers.get("Retry-After", 10)), LONGEST_PAUSE_S))
    found: dict[str, Any] = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
    if answer.status_code not in (200, 201):
        what = found.get("reason", answer.status_code), found.get("detail", answer.text[:300])
        complain(f"{path}: refused: {what[0]}: {what[1]}")
        return None
    sites = ", ".join(f"{site['site']} ({several(len(site['tiles']), 'tile')})" for site in found["sites"])
    known = "" if found["published"] else ", known before"
    typer.echo(printable(f"{path}: taken as {found['scene']}: {sites}{known}"))
    for remark in found.get("remarks", ()):
        typer.echo(printable(f"  - {remark}"))
    return found


def _await(client: httpx.Client, scenes: list[str], wait_s: float, bars: Progress, task: TaskID) -> bool:
    """Waits until all scenes are judged, and prints what was found. Whether all were."""
    bars.update(task, total=len(scenes))
    told: dict[str, Standing] = {}
    waiting, changed_at = list(scenes), time.monotonic()
    while waiting and time.monotonic() - changed_at < wait_s:
        for scene in waiting:
            answer = _answer(client, "GET", f"/v1/scenes/{quote(scene, safe='')}")
            if answer.status_code != 200:
                raise RailwatchError(f"Ingest does not say where {scene} stands: {answer.status_code}.")
            standing: Standing = answer.json()
            if standing != told.get(scene):
                told[scene], changed_at = standing, time.monotonic()
            if standing["state"] == "judged" or standing["role"] == "baseline":
                _tell(standing)
                waiting.remove(scene)
                bars.advance(task)
                break
            bars.update(task, description=f"{standing['state']}: {printable(scene)}")
        else:
            if unset := next((r for r in standing.get("remarks", ()) if "not set" in r), None):
                raise RailwatchError(unset)
            time.sleep(ASK_EVERY_S)
    for scene in waiting:
        complain(f"{scene}: {told[scene]['state']}, and not judged after {wait_s:.0f} s without any change")
    return not waiting


def _tell(standing: Standing) -> None:
    for site in standing["sites"]:
        found = site["at_alerting"]
        if found is None:
            typer.echo(printable(f"{standing['scene']}: {site['site']}: {site['state']}"))
            continue
        look = found["judgement"]
        seen = (
            "no count"
            if look["count"] is None
            else f"{look['count']:.0f} cars ({look['low']:.0f} to {look['high']:.0f})"
        )
        limit = "" if look.get("threshold") is None else f", threshold {look['threshold']:.0f}"
        link = f"  {site['links']['alert']}" if "alert" in site["links"] else ""
        typer.echo(printable(f"{standing['scene']}: {site['site']}: {seen}: {look['state']}{limit}{link}"))


def _answer(client: httpx.Client, method: str, path: str, **content: Any) -> httpx.Response:
    try:
        return client.request(method, path, **content)
    except httpx.TransportError as error:
        reason = str(error).removesuffix(".")
        raise RailwatchError(f"Ingest cannot be reached at {client.base_url}: {reason}.") from error


def _metadata(path: Path, observed_at: str, baseline: bool) -> dict[str, Any]:
    """A file's metadata.

    Raises:
        ConfigurationError: there is no such file, or no metadata beside it.
    """
    beside = path.with_suffix(".json")
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file.")
    if not observed_at and not beside.is_file():
        raise ConfigurationError(f"There is no metadata {beside}; for a single file --observed-at gives the time.")
    try:
        document = {"observed_at": observed_at} if observed_at else json.loads(beside.read_text())
    except ValueError as error:
        raise ConfigurationError(f"{beside} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{beside} must be one JSON object.")
    if not baseline:
        return document
    if "properties" in document:
        return {**document, "properties": {**document["properties"], "railwatch:role": "baseline"}}
    return {**document, "role": "baseline"}
