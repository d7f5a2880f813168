"""Times that people give to the command: what they mean, and one plain sentence for what is none."""

from datetime import UTC, date, datetime

import pytest
import typer
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.cli.times import day, time_of_day, time_or_day


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2023-10-05", datetime(2023, 10, 5, tzinfo=UTC)),
        ("2023-10-05T02:19", datetime(2023, 10, 5, 2, 19, tzinfo=UTC)),
        ("2023-10-05T02:19:30Z", datetime(2023, 10, 5, 2, 19, 30, tzinfo=UTC)),
        ("2023-10-05T11:19+09:00", datetime(2023, 10, 5, 2, 19, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc_and_a_day_is_its_beginning(text: str, means: datetime) -> None:
    assert (time_or_day(text), time_or_day(text).tzinfo) == (means, UTC)
    assert day(text[:10]) == date(2023, 10, 5)


def test_where_the_sun_matters_a_day_alone_is_refused() -> None:
    assert time_of_day("2023-10-05T02:19Z") == datetime(2023, 10, 5, 2, 19, tzinfo=UTC)
    with pytest.raises(typer.BadParameter, match="the time of day is needed"):
        time_of_day("2023-10-05")


@pytest.mark.parametrize(
    "arguments",
    [
        ("recount", "--site", "yard", "--from"),
        ("recount", "--site", "yard", "--to"),
        ("dead-letters", "list", "--from"),
        ("dead-letters", "drop", "--to"),
        ("site", "retire", "yard", "--on"),
        ("count", "tile.tif", "--observed-at"),
    ],
)
@pytest.mark.parametrize("text", ["yesterday", "2023-13-01", "0001-01-01T00:00+09:00"])
def test_what_is_no_time_is_said_in_one_plain_sentence(arguments: tuple[str, ...], text: str) -> None:
    done = CliRunner().invoke(app, [*arguments, text])
    assert done.exit_code == 2
    said = " ".join(done.output.replace("│", " ").split())
    assert f"'{text}' is not a " in said
    assert "2023-10-05" in said
    assert "error," not in said
