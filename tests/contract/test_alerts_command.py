"""`railwatch alerts` as people and programs use it."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.shared.errors import UnprocessableError

CALM = [8, 12, 10, 7, 11, 13, 9, 10, 6, 12, 9, 11] * 2
FIELDS = ["observed_at", "count", "expected", "threshold", "p_value", "exceeds", "state", "onset"]


def day(index: int) -> str:
    return (date(2023, 1, 2) + timedelta(weeks=index)).isoformat()


def soon(minutes: int) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def write(path: Path, rows: list[str], header: str = "observed_at,count") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def episode(tmp_path: Path) -> Path:
    counts = [*CALM, "", 48, 55, 60]
    return write(tmp_path / "counts.csv", [f"{day(i)},{count}" for i, count in enumerate(counts)])


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["alerts", *map(str, arguments)], env={"COLUMNS": "140"})
    if isinstance(result.exception, UnprocessableError):
        return 1, result.stdout, str(result.exception)
    return result.exit_code, result.stdout, result.stderr


def test_json_has_one_line_per_row_with_exactly_the_documented_fields(episode: Path) -> None:
    code, out, _ = run(episode, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["observed_at"] for line in lines] == [day(i) for i in range(28)]
    assert all(list(line) == FIELDS for line in lines)
    assert [line["state"] for line in lines[:8]] == ["learning"] * 8
    assert lines[0] | {"count": 8} == {**dict.fromkeys(FIELDS), **lines[0]} | {"threshold": None, "p_value": None}
    assert lines[24]["state"] == "unobserved"
    assert lines[24]["count"] is None
    assert [line["state"] for line in lines[25:]] == ["alert"] * 3
    assert all(line["exceeds"] and line["p_value"] < 0.01 and line["count"] > line["threshold"] for line in lines[25:])
    assert day(22) <= lines[-1]["onset"] <= day(25)
    assert lines[23]["onset"] is None


def test_a_person_gets_a_table_and_a_summary(episode: Path) -> None:
    code, out, _ = run(episode)
    assert code == 0
    assert "opened" in out
    assert f"one open since {day(25)}; the rise began about" in " ".join(out.split())


def test_a_stricter_rate_gives_higher_thresholds(episode: Path) -> None:
    thresholds = [
        json.loads(run(episode, "--json", "--rate", rate)[1].splitlines()[20])["threshold"] for rate in (0.01, 0.001)
    ]
    assert thresholds[1] > thresholds[0]


def test_rows_out_of_order_are_judged_in_order_of_time_and_answered_in_their_own(episode: Path, tmp_path: Path) -> None:
    header, *rows = episode.read_text().splitlines()
    backwards = write(tmp_path / "backwards.csv", rows[::-1], header)
    assert run(backwards, "--json")[1].splitlines() == run(episode, "--json")[1].splitlines()[::-1]
    assert run(backwards)[1] == run(episode)[1]


def test_intervals_coverage_zones_and_spellings_of_nothing_are_read(tmp_path: Path) -> None:
    rows = [f"{day(i)}T02:00:00+09:00,{c}.5,{c},{c + 1},1" for i, c in enumerate(CALM)]
    rows += [f"{day(30)}T02:00:00Z,nan,,,0.9", f"{day(31)}T02:00:00Z,3,2,4,0.2"]
    code, out, _ = run(write(tmp_path / "c.csv", rows, "observed_at,count,low,high,coverage"), "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["state"] for line in lines[-2:]] == ["unobserved", "unobserved"]
    assert lines[0]["count"] == 8.5


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_history_is_drawn(episode: Path, tmp_path: Path, suffix: str) -> None:
    picture = tmp_path / f"history.{suffix}"
    assert run(episode, "--plot", picture)[0] == 0
    start = picture.read_bytes()[:200]
    assert start.startswith(b"\x89PNG") if suffix == "png" else b"<svg" in picture.read_bytes()


def test_a_back_test_compares_rates(episode: Path, tmp_path: Path) -> None:
    spans = write(tmp_path / "spans.csv", [f"{day(25)},{day(27)}"], "start,end")
    code, out, _ = run(episode, "--surges", spans, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["nominal_rate"] for line in lines] == sorted((line["nominal_rate"] for line in lines), reverse=True)
    assert all((line["surges"], line["found"], line["mean_delay_looks"]) == (1, 1, 0) for line in lines)
    assert all(line["quiet_looks"] == 16 for line in lines)
    assert "surges" in run(episode, "--surges", spans)[1]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("observed_at,cars", ["2023-01-01,3"], "line 1: there is no column count"),
        ("observed_at,count,hgih", ["2023-01-01,3,4"], "line 1: there is an unknown column 'hgih'"),
        ("observed_at,count,count", ["2023-01-01,3,4"], "line 1: a column is named twice"),
        ("observed_at,count", [], "there are no looks"),
        ("observed_at,count", ["2023-01-01,3", "2023-01-08,-1"], "line 3: count is -1"),
        ("observed_at,count", ["2023-01-01,many"], "line 2: count is 'many'"),
        ("observed_at,count", ["2023-01-01,inf"], "line 2: count is inf"),
        ("observed_at,count", ["2023-01-01,1e9"], "line 2: count is 1e9"),
        ("observed_at,count", ["5 October,3"], "line 2: '5 October' is not an ISO 8601 time"),
        ("observed_at,count", ["2023-01-01,3", "2023-01-01,4"], "line 3: the time 2023-01-01 is already on line 2"),
        (
            "observed_at,count",
            ["2023-01-01T00:00Z,3", "2023-01-02,4"],
            "line 3: times with and without a zone are mixed",
        ),
        ("observed_at,count", ["2023-01-01T09:00+09:00,3", "2023-01-01T00:00Z,4"], "already on line 2"),
        ("observed_at,count", ["2023-01-01,3", "2126-10-05,4"], "line 3: 2126-10-05 lies in the future"),
        ("observed_at,count", [f"{soon(minutes=1440)},4"], "lies in the future"),
        ("observed_at,count", ["0001-01-01T00:00+09:00,3"], "line 2: '0001-01-01T00:00+09:00' is no time"),
        ("observed_at,count", ["2023-01-01," + "3" * 200_000], "line 2: field larger"),
        ("observed_at,count", ["2023-01-01,3,4"], "line 2: there are 3 cells"),
        ("observed_at,count,low,high", ["2023-01-01,3,4,5"], "line 2: the count 3 is outside its interval"),
        ("observed_at,count,low,high", ["2023-01-01,3,2,"], "line 2: there is only one end"),
        ("observed_at,count,coverage", ["2023-01-01,3,90"], "line 2: coverage is 90"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    code, out, error = run(write(tmp_path / "bad.csv", rows, header), "--json")
    assert code == 1
    assert out == ""
    assert message in error
    assert "\n" not in error


def test_a_clock_may_be_a_little_fast(tmp_path: Path) -> None:
    assert run(write(tmp_path / "now.csv", [f"{soon(minutes=4)},4"]), "--json")[0] == 0


def test_spans_that_end_before_they_start_are_refused(episode: Path, tmp_path: Path) -> None:
    spans = write(tmp_path / "spans.csv", ["2023-05-02,2023-05-01"], "start,end")
    assert "line 2: the span ends before it starts" in run(episode, "--surges", spans)[2]


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--rate", "0.9"], ["--plot", "history.gif"]])
def test_wrong_use_is_exit_code_2(episode: Path, wrong: list[str]) -> None:
    assert run(episode, *wrong)[0] == 2


def test_a_missing_file_is_exit_code_2(tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere.csv")[0] == 2
