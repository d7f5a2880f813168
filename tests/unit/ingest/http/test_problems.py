from pathlib import Path

from railwatch.services.ingest.http.problems import PROBLEMS


def test_the_documentation_lists_every_reason() -> None:
    page = (Path(__file__).parents[4] / "docs" / "ingest.md").read_text()
    rows = [f"| `{reason}` | {problem.status} | {problem.title} |" for reason, problem in PROBLEMS.items()]
    assert [row for row in rows if row not in page] == []
