"""The commands that docs/operate.md and the runbooks tell people to type, as words."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "docs" / "operate.md", *sorted((ROOT / "docs" / "runbooks").glob("*.md")))
OPERATE = "deploy/kubernetes/operate"
REBUILD = "deploy/kubernetes/rebuild"
# What a command of ours may begin with. `$ ` of a block may begin with nothing else.
TOOLS = {"kubectl", "railwatch", "redis-cli", "xargs", "grep", "export", "make", "docker", "python", OPERATE, REBUILD}
TOOLS |= {"openssl", "promtool"}

# A fence may stand in a list, so it may be indented.
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Snippet:
    """What a page gives as code.

    Attributes:
        page: the name of the page.
        text: the code, in one line.
        typed: whether it is a line of a block, to be typed as it stands; otherwise it is named in a sentence.
    """

    page: str
    text: str
    typed: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"

    def steps(self) -> list[list[str]]:
        """The words of each command of a pipe, without variables before it and files behind it."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars="|>")
        lexer.whitespace_split = True
        steps: list[list[str]] = [[]]
        words = iter(lexer)
        for word in words:
            if word == "|":
                steps.append([])
            elif word == ">":
                next(words)
            elif steps[-1] or not _ASSIGNMENT.fullmatch(word):
                steps[-1].append(word)
        return steps


def snippets(page: Path) -> Iterator[Snippet]:
    """All code of a page: the lines of its blocks, and what stands in sentences.

    Raises:
        AssertionError: a block is none that people type, or a line of it does not begin with `$ `.
    """
    text = page.read_text()
    for _, language, block in _FENCE.findall(text):
        assert language == "console", f"{page.name}: a block of {language or 'nothing'}"
        for line in block.strip().splitlines():
            assert line.strip().startswith("$ "), f"{page.name}: {line}"
            yield Snippet(page.stem, line.strip()[2:], typed=True)
    for span in _SPAN.findall(_FENCE.sub("", text)):
        yield Snippet(page.stem, " ".join(span.split()), typed=False)


ALL = tuple(dict.fromkeys(snippet for page in PAGES for snippet in snippets(page)))
COMMANDS = tuple(snippet for snippet in ALL if snippet.typed or snippet.text.split()[0] in TOOLS)
TYPED = tuple(snippet for snippet in ALL if snippet.typed)
# Code in sentences that is no command: queries, words of the log, fields.
OTHERS = tuple(snippet for snippet in ALL if snippet not in COMMANDS and " " in snippet.text)
