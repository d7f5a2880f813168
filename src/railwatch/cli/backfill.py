"""`railwatch backfill`: bring a site's past, so that its threshold can be trusted from the first day."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from structlog.testing import capture_logs

from railwatch.cli.terminal import complain, printable
from railwatch.cli.times import check_span, time_or_day
from railwatch.shared.errors import ConfigurationError

if TYPE_CHECKING:
    from railwatch.cli.backfill_watch import Watch
    from railwatch.services.ingest.backfill import Backfill, Brought
    from railwatch.services.ingest.settings import Settings
    from railwatch.services.ingest.sources.archive import Archived
    from railwatch.services.ingest.sources.forms import SourceForm

# Scenes that may be ahead of their judgement. So few leave room for what comes in live.
AHEAD = 6
# Seconds without any change after which the services are taken to be stopped.
PATIENCE_S = 300.0
ASK_EVERY_S = 0.5


# Which setting says where the source of a kind is.
ADDRESS = {"stac": ("stac", "url"), "bucket": ("ingest", "watch_bucket"), "directory": ("ingest", "watch_dir")}


def backfill(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site.")],
    since: Annotated[
        datetime,
        typer.Option("--from", metavar="TIME", parser=time_or_day, help="Looks that were taken from then on, UTC."),
    ],
    source: Annotated[
        str,
        typer.Option(
            metavar="stac|bucket|directory|NAME", help="What the past lies in; or a source of RAILWATCH_SOURCES_FILE."
        ),
    ],
    until: Annotated[
        datetime | None,
        typer.Option("--to", metavar="TIME", parser=time_or_day, help="Looks taken before then, UTC. Default: now."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The STAC API's URL, s3://bucket/prefix, or the directory. Default: where ingest looks, by "
            "RAILWATCH_STAC_URL, RAILWATCH_INGEST_WATCH_BUCKET or RAILWATCH_INGEST_WATCH_DIR.",
        ),
    ] = "",
    per_minute: Annotated[float, typer.Option(min=0.1, help="Scenes that are read in a minute, at most.")] = 60.0,
) -> None:
    """Bring a site's past: its scenes in order of time, marked archival, so that nobody is notified.

    The running services count and judge them as they do all looks. A scene that was brought before is not read again:
    asked again, the command goes on where it stopped. At its end it prints what was seen, the threshold as it now
    stands, what alerts the past would have raised, and what the baseline is made of. The command uses the RAILWATCH_*
    settings of ingest.
    """
    from railwatch.cli.backfill_report import report
    from railwatch.cli.backfill_watch import Watch
    from railwatch.services.alerting.state.store import Store
    from railwatch.services.ingest.backfill import Backfill
    from railwatch.services.ingest.settings import Settings
    from railwatch.services.ingest.sources.archive import archived
    from railwatch.services.ingest.wiring import make_intake
    from railwatch.shared.bus import Publisher
    from railwatch.shared.environment import load
    from railwatch.shared.sites import PackedSites, SiteCatalogue, known_sites
    from railwatch.shared.state import connect

    until = until or datetime.now(UTC)
    check_span(since, until)
    settings = load(Settings)
    found = known_sites(settings).sites.get(site)
    if found is None:
        raise ConfigurationError(f"There is no site {site} in {settings.sites.dir}.")
    client, publisher = connect(settings.redis), Publisher(settings.kafka)
    form = _source(settings, source, at)
    # It knows this site only.
    intake = make_intake(settings, [form], SiteCatalogue(PackedSites.of(found)), client, publisher, archival=True)
    scenes = archived(form, intake, found, since, until)
    watch = Watch(Store(client), site)
    work = Backfill(intake, found, 60.0 / per_minute, lambda: watch.wait(AHEAD, PATIENCE_S, ASK_EVERY_S), complain)
    began = time.monotonic()
    try:
        with capture_logs():  # the report says all of it
            brought = list(_with_bars(work, scenes, watch))
    finally:
        publisher.close()
    report(Console(), found, brought, watch, client, time.monotonic() - began)


def _source(settings: "Settings", name: str, at: str) -> "SourceForm":
    """The source that was asked for.

    Raises:
        ConfigurationError: nothing says where it is, or the address is none.
    """
    from railwatch.services.ingest.sources.forms import read_sources
    from railwatch.shared.variables import variable_name, variables_in

    if at:
        if name not in ADDRESS:
            raise ConfigurationError("--at says where a stac, bucket or directory is; other sources have an address.")
        group, field = ADDRESS[name]
        where = Path(at) if field == "watch_dir" else at
        changed = getattr(settings, group).model_copy(update={field: where})
        settings = settings.model_copy(update={group: changed})
    try:
        found = next((source for source in read_sources(settings) if source.name == name), None)
    except ValidationError:
        group, field = ADDRESS[name]
        variables = variables_in(group, type(getattr(settings, group)))
        right = next(each.takes for each in variables if each.name == variable_name(group, field))
        raise ConfigurationError(f"--at {at} is wrong for the source {name}: it should be {right}.") from None
    if found is None:
        raise ConfigurationError(f"Nothing says where the source {name} is: give --at, or a source of this name.")
    return found


def _with_bars(work: "Backfill", scenes: "Sequence[Archived]", watch: "Watch") -> "Iterator[Brought]":
    """Brings the scenes and waits until all are judged. Bars show how far both are."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        reading, judging = bars.add_task("reading", total=len(scenes)), bars.add_task("judging", total=len(scenes))
        watch.tell = lambda: bars.update(judging, completed=bars.tasks[reading].completed - len(watch.waiting))
        for brought in work.bring(scenes):
            if brought.scene is not None:
                watch.add(brought.scene, brought.tiles)
            bars.update(reading, advance=1, description=f"reading {printable(brought.subject)[:40]}")
            watch.refresh()
            yield brought
        watch.wait(1, PATIENCE_S, ASK_EVERY_S)
