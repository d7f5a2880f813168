"""The ground that options name: a box, or a circle around a place."""

import typer
from shapely import Polygon


def ground_of(bbox: str, around: str, radius_m: float) -> Polygon | None:
    """The ground; null if neither option is given.

    Raises:
        ConfigurationError: the numbers are no ground.
        BadParameter: both are given, or something that is no numbers.
    """
    from railwatch.siting.files import box_of, circle_of

    if bbox and around:
        raise typer.BadParameter("give one of them, not both", param_hint="--bbox or --around")
    if bbox:
        return box_of(*_numbers(bbox, 4, "--bbox"))
    if around:
        lat, lon = _numbers(around, 2, "--around")
        return circle_of(lat, lon, radius_m)
    return None


def _numbers(text: str, how_many: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != how_many:
        raise typer.BadParameter(f"{how_many} numbers with commas between them, not {text!r}", param_hint=option)
    return numbers
