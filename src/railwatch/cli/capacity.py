"""`railwatch capacity`: what so many sites and looks need, and what breaks first."""

from pathlib import Path
from typing import Annotated

import typer


def capacity(
    sites: Annotated[int, typer.Option(min=1, help="Sites that are watched.")],
    looks_per_day: Annotated[float, typer.Option(min=0.001, help="Looks at each site in a day.")],
    tiles_per_look: Annotated[
        float, typer.Option(min=1, help="Tiles of a look; a site up to 1 km across has one.")
    ] = 1.0,
    costs: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your own measured costs, a JSON object.")
    ] = None,
) -> None:
    """Calculate pods, partitions, bytes and memory for a load, and say what breaks first and what to do then."""
    from pydantic import ValidationError
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from railwatch.capacity import ASSUMED, Costs, Plan, installations
    from railwatch.shared.errors import ConfigurationError

    try:
        measured = Costs.model_validate_json(costs.read_bytes()) if costs else Costs()
    except ValidationError as error:
        faults = (
            f"{costs}: {'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigurationError("\n".join(faults)) from None
    plan = Plan.of(sites, looks_per_day, tiles_per_look, measured)
    needs = Table("calculated, not measured", "")
    for name, value in (
        ("tiles a day", f"{plan.tiles_a_day:,.0f}"),
        ("ingest, mean", f"{plan.ingest_cores:,.2f} cores"),
        ("detector, mean", f"{plan.detector_cores:,.2f} cores"),
        ("detector pods at the peak", f"{plan.detector_pods:,}"),
        ("alerting, mean", f"{plan.alerting_cores:,.2f} cores"),
        ("partitions of each topic", f"{plan.partitions:,}"),
        (f"Kafka a year, {measured.copies} copies", decimal(int(plan.kafka_bytes_a_year))),
        ("object store a day", decimal(int(plan.blob_bytes_a_day))),
        ("Redis, after a year", decimal(int(plan.redis_bytes))),
        ("first start, reading all sites", f"{plan.first_start_s:,.0f} s"),
        ("each later start, for its sites", f"{plan.start_s:,.1f} s"),
        ("installations", f"{installations(sites, looks_per_day, tiles_per_look, measured):,}"),
    ):
        needs.add_row(name, value)
    limits = Table("what breaks first", "used", "what to do then")
    for limit in plan.limits:
        limits.add_row(limit.name, f"{limit.share:,.1%}", limit.remedy)
    console = Console()
    console.print(needs, limits)
    assumed = ", ".join(f"{name} {getattr(measured, name):,.15g}" for name in ASSUMED)
    console.print(f"Assumed, not measured: {assumed}. `--costs FILE` takes your own.", highlight=False)
