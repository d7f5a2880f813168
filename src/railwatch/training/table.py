"""The table of losses that a fit writes as it goes."""

from pathlib import Path


def write_losses(table: Path, step: int, losses: dict[str, float]) -> None:
    """Adds a line."""
    if not table.exists():
        table.write_text("step\t" + "\t".join(losses) + "\n", encoding="utf-8")
    with table.open("a", encoding="utf-8") as file:
        file.write(f"{step}\t" + "\t".join(f"{value:.4f}" for value in losses.values()) + "\n")
