"""What the demo prints and writes: the table of looks, the alert, its evidence and the summary."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from mimetypes import guess_extension
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from railwatch.demo.replay import Observation

STATE_STYLE = {"alert": "bold red", "learning": "dim", "unobserved": "dim", "normal": ""}


def looks_table(judged: Sequence[Observation], rendered: Mapping[str, int]) -> Table:
    """The looks as a table.

    Args:
        judged: observations in the form of alerting's API.
        rendered: number of cars in each scene's picture, by scene.
    """
    table = Table(title="Looks at Tumangang Rail Facility (rendered pictures)", header_style="bold")
    table.add_column("seen")
    for heading in ("cars", "90 % interval", "threshold", "track seen"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    table.add_column("rendered", justify="right", style="dim")
    for look in judged:
        at = datetime.fromisoformat(look["observed_at"])
        interval = "" if look["count"] is None else f"{look['low']:.0f} to {look['high']:.0f}"
        table.add_row(
            f"{at:%d %b %Y}",
            _whole(look["count"]),
            interval,
            _whole(look["threshold"]),
            f"{look['coverage']:.0%}",
            look["state"],
            str(rendered[look["scene"]]),
            style=STATE_STYLE.get(look["state"], ""),
        )
    return table


def summary(
    judged: Sequence[Observation], alerts: Sequence[Mapping[str, Any]], rendered: Mapping[str, int]
) -> dict[str, Any]:
    """The content of `summary.json`. `rendered_count` is the true number of cars; the system never sees it."""
    fields = ("observed_at", "count", "low", "high", "coverage", "threshold", "state")
    return {
        "data": "rendered scenes, not satellite pictures",
        "observations": [
            {**{name: look[name] for name in fields}, "rendered_count": rendered[look["scene"]]} for look in judged
        ],
        "alerts": [_alert_summary(detail) for detail in alerts],
    }


def _alert_summary(detail: Mapping[str, Any]) -> dict[str, Any]:
    alert, event = detail["alert"], detail["event"]
    onset = alert["onset"] or {"at": None, "low": None, "high": None}
    return {
        "id": alert["alert"],
        "state": alert["state"],
        "severity": alert["severity"],
        "opened_at": alert["opened_at"],
        "onset": onset["at"],
        "onset_low": onset["low"],
        "onset_high": onset["high"],
        "context": event["context"],
        "sentence": alert["sentence"],
        "transitions": [
            {"transition": step["transition"], "observed_at": step["look"]["observed_at"], "reason": step["reason"]}
            for step in detail["transitions"]
        ],
    }


def save_evidence(alerting: httpx.Client, detail: Mapping[str, Any], directory: Path) -> list[Path]:
    """Fetch an alert's pictures from its page and write them as `<scene>-<tile>-<picture>.jpg`."""
    directory.mkdir(parents=True, exist_ok=True)
    saved = []
    for item in detail["event"]["evidence"]:
        for name, blob in item["pictures"].items():
            picture = alerting.get(f"/v1/alerts/{detail['alert']['alert']}/pictures/{blob['sha256']}")
            suffix = guess_extension(blob["media_type"]) or ""
            path = directory / f"{item['scene']}-{item['tile']}-{name}{suffix}"
            path.write_bytes(picture.raise_for_status().content)
            saved.append(path)
    return saved


def write_summary(document: Mapping[str, Any], path: Path) -> None:
    """Write the summary as indented JSON."""
    path.write_text(json.dumps(document, indent=2) + "\n")


def print_alert(console: Console, detail: Mapping[str, Any], pictures: Sequence[Path]) -> None:
    """Print the alert's sentence, its onset, its lag to events, and the paths of its pictures."""
    alert, event = detail["alert"], detail["event"]
    console.print(f"\n[bold red]Alert[/] ({alert['severity']}, {alert['state']}), opened by the look of ", end="")
    console.print(f"[bold]{datetime.fromisoformat(alert['opened_at']):%d %B %Y}[/]:")
    console.print(f"  {alert['sentence']}", markup=False)
    if onset := alert["onset"]:
        days = {name: f"{datetime.fromisoformat(onset[name]):%d %B}" for name in ("at", "low", "high")}
        console.print(f"  Rise began: [bold]{days['at']}[/] (90 % interval {days['low']} to {days['high']})")
    for context in event["context"]:
        console.print(f"  {context['lag_days']:+.1f} days from: {context['title']}", markup=False)
    if pictures:
        console.print(f"  Evidence: {pictures[0].parent}/", markup=False, highlight=False)
        for path in pictures:
            console.print(f"    {path.name}", markup=False, highlight=False)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
