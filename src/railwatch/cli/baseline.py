"""`railwatch baseline`: look at the baselines of a site, and change them. Who changed what, and why, is on record."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from railwatch.cli.person import decider
from railwatch.cli.terminal import printable

if TYPE_CHECKING:
    from railwatch.services.detector.decisions import Baseline
    from railwatch.services.detector.renewal import Decision
    from railwatch.shared.events import BaselineEvent, TileEvent

app = typer.Typer(
    name="baseline",
    help="Look at the baselines of a site, and change them. The command uses the RAILWATCH_* settings of the detector.",
    no_args_is_help=True,
)

SiteId = Annotated[str, typer.Argument(metavar="SITE", help="The site.")]
TileId = Annotated[str, typer.Argument(metavar="TILE", help="The site's cell.")]
Why = Annotated[str, typer.Option(help="Why: goes on record.")]
By = Annotated[str, typer.Option(help="Who decides: goes on record. The user who runs the command, if not given.")]


@app.command("list")
def list_versions(site: SiteId, tile: TileId = "r0c0") -> None:
    """List the versions of a baseline, oldest first: what became of it, when, who decided, and why."""
    from railwatch.services.detector.settings import Settings
    from railwatch.shared.bus.read import read_topic
    from railwatch.shared.environment import load
    from railwatch.shared.events import BaselineEvent

    with _opened(site, tile) as baseline:
        told = [event for part in read_topic(load(Settings).kafka, BaselineEvent) for event in part]
        events = {event.id: event for event in (*told, *baseline.renewals.baselines.unpublished())}
        for event in sorted(events.values(), key=lambda event: event.recorded_at):
            if (event.site, event.tile) == (site, tile):
                typer.echo(_in_a_line(event))
        for version, ref in baseline.renewals.baselines.versions(site, tile).items():
            if all((event.site, event.tile, event.version) != (site, tile, version) for event in events.values()):
                typer.echo(f"{version:>3}  {ref.origin if ref else 'forgotten'}, {printable(ref.scene if ref else '')}")
        typer.echo(f"current: {baseline.version or 'none'}")


@app.command()
def show(
    site: SiteId,
    tile: TileId = "r0c0",
    version: Annotated[int | None, typer.Option(help="The version; the current one if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture; - writes it to standard output.", dir_okay=False)
    ] = None,
) -> None:
    """Write a baseline as PNG, and print which looks it was made of."""
    from railwatch.services.detector.pictures import baseline_picture
    from railwatch.services.detector.tracks.centrelines import project

    with _opened(site, tile) as baseline:
        ref = baseline.of_version(version)
        picture = baseline.answering.read(ref.image)
        to_stdout = output == Path("-")
        for look in ref.looks:
            words = f"{look.share:>5.0%}  {look.observed_at:%Y-%m-%d %H:%M}  {printable(look.scene)}"
            typer.echo(words, err=to_stdout)
        made = f"composite of {len(ref.looks)} looks" if ref.looks else ref.origin
        title = (f"{site}, {tile}", f"baseline {ref.version}: {made}", f"light of {ref.observed_at:%Y-%m-%d %H:%M} UTC")
        png = baseline_picture(picture, project(baseline.site.tracks, picture), title)
        if to_stdout:
            typer.echo(png, nl=False)
            return
        path = output or Path(f"{site}-{tile}-baseline-{ref.version}.png")
        path.write_bytes(png)
        typer.echo(path)


@app.command("set")
def set_to(
    site: SiteId,
    why: Why,
    tile: TileId = "r0c0",
    version: Annotated[int | None, typer.Option(help="An earlier version.")] = None,
    scene: Annotated[str, typer.Option(help="The scene of a look that was taken in.")] = "",
    by: By = "",
) -> None:
    """Make an earlier version or a look the baseline of the looks that follow. It stays until a person changes it.

    What a look lacks to become a baseline by itself is said, and the look is taken all the same. A picture with which
    nothing can be compared is refused.
    """
    if (version is None) == (not scene):
        raise typer.BadParameter("give either --version or --scene")
    with _opened(site, tile) as baseline:
        decision = _decision(by, why)
        if version is not None:
            event = baseline.go_back(version, decision)
        else:
            look = _look(site, tile, scene)
            event = baseline.take(look, decision)
            for doubt in baseline.doubts(look):
                typer.echo(doubt, err=True)
        typer.echo(_in_a_line(event))


@app.command()
def rebuild(site: SiteId, why: Why, tile: TileId = "r0c0", by: By = "") -> None:
    """Make a composite of the last good looks the baseline, better or not. `list` shows the figures of both."""
    with _opened(site, tile) as baseline:
        typer.echo(_in_a_line(baseline.make_anew(_decision(by, why))))


@app.command()
def forget(site: SiteId, why: Why, tile: TileId = "r0c0", by: By = "") -> None:
    """Forget a baseline and the looks kept for the next one. The next good look becomes the baseline."""
    with _opened(site, tile) as baseline:
        typer.echo(_in_a_line(baseline.forget(_decision(by, why))))


@contextmanager
def _opened(site: str, tile: str) -> Iterator["Baseline"]:
    """The baseline of a tile. What was decided inside the `with` is published at its end."""
    from railwatch.services.detector.answering import Answering
    from railwatch.services.detector.decisions import Baseline
    from railwatch.services.detector.renewal import renewals_over
    from railwatch.services.detector.settings import Settings
    from railwatch.services.detector.wiring import incarnation_of
    from railwatch.shared.blobs import BlobStore
    from railwatch.shared.bus import Publisher
    from railwatch.shared.environment import load
    from railwatch.shared.sites import known_sites
    from railwatch.shared.state import connect

    settings = load(Settings)
    sites = known_sites(settings).sites
    cell = next((cell for cell in sites[site].cells() if cell.id == tile), None) if site in sites else None
    if cell is None:
        raise typer.BadParameter(f"there is no cell {tile!r} of a site {site!r} in {settings.sites.dir}")
    blobs, client = BlobStore.open(settings.blobs), connect(settings.redis)
    incarnation_of(settings, client).require()
    renewals = renewals_over(blobs, client)
    yield Baseline(renewals, sites[site], cell, Answering(blobs.get, settings.detector.max_pixels))
    publisher = Publisher(settings.kafka)
    try:
        renewals.baselines.publish(publisher, blobs.objects)
    finally:
        publisher.close()


def _look(site: str, tile: str, scene: str) -> "TileEvent":
    """The tile of a scene, as it was last delivered."""
    from railwatch.services.detector.settings import Settings
    from railwatch.shared.bus.read import read_topic
    from railwatch.shared.environment import load
    from railwatch.shared.events import TileEvent

    found = [
        event
        for part in read_topic(load(Settings).kafka, TileEvent)
        for event in part
        if (event.site, event.tile, event.scene) == (site, tile, scene)
    ]
    if not found:
        raise typer.BadParameter(f"no scene {scene!r} of {site}/{tile} was taken in")
    return max(found, key=lambda event: event.recorded_at)


def _decision(by: str, why: str) -> "Decision":
    from railwatch.services.detector.renewal import Decision

    return Decision(decider(by), why)


def _in_a_line(event: "BaselineEvent") -> str:
    """Version, date, what happened, by whom and why, and the figures where there are any."""
    ref = event.baseline
    picture = f"composite of {len(ref.looks)} looks" if ref and ref.looks else ref.scene if ref else "none"
    figures = ""
    if event.measured and event.before:
        pairs = (
            f"{name} {getattr(event.before, name):.2f} -> {getattr(event.measured, name):.2f}"
            for name in ("registered", "agreement", "coverage")
        )
        figures = f" ({', '.join(pairs)})"
    when = f"{event.recorded_at:%Y-%m-%d %H:%M}"
    line = f"{event.version:>3}  {when}  {event.change:<9}  {picture}; by {event.by}: {event.why}{figures}"
    return " ".join(printable(line).splitlines())
