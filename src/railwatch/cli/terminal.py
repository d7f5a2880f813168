"""What goes to a terminal. It may quote a stranger, such as a file's name, and the terminal must not obey it."""

from rich.console import Console
from rich.text import Text

from railwatch.shared.text import plain

# Characters of a printed line.
MAX_LINE = 4_000


def printable(text: str) -> str:
    """A text without control characters and without characters that turn the direction of writing, line by line."""
    return "\n".join(plain(line, MAX_LINE) for line in text.splitlines())


def cell(text: str) -> Text:
    """A printable text for a table of rich, which would read square brackets in a string as markup."""
    return Text(printable(text))


def complain(message: str) -> None:
    """Print an error on standard error."""
    Console(stderr=True, soft_wrap=True).print(
        f"railwatch: {printable(message)}", style="red", markup=False, highlight=False
    )


def several(number: int, what: str) -> str:
    """A number with its noun: `1 tile`, `2 tiles`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
