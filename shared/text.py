"""Text from strangers, made fit for logs, dead letters and answers."""


def plain(text: str, limit: int) -> str:
    """A text in one line that can be printed and encoded: no control characters, no lone surrogates, not too long.

    A character that cannot be encoded is written as its escape, another one that cannot be printed as U+FFFD. A text
    that is too long ends in an ellipsis.

    Args:
        text: any text.
        limit: the most characters of the result.
    """
    encodable = text[: limit + 1].encode("utf-8", "backslashreplace").decode()
    shown = "".join(
        each if each.isprintable() else " " if each.isspace() else "\N{REPLACEMENT CHARACTER}" for each in encodable
    )
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def said(message: str) -> str:
    """What is wrong by the message of a fault of pydantic, without the words that it puts before a check of ours."""
    return message.removeprefix("Value error, ")
