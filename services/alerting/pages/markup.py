"""HTML and SVG as trees. Text stays text, so nothing from outside can become markup."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, tostring

from railwatch.services.alerting.history.wording import day

Content = Element | str | None
Value = str | float | bool | None


def el(tag: str, *content: Content, **attributes: Value) -> Element:
    """An element with its content. Null content and null or false attributes are left out.

    In the name of an attribute, a trailing underscore is dropped and others become hyphens: `class_`, `aria_label`.
    """
    element = Element(tag)
    for name, value in attributes.items():
        if value is not None and value is not False:
            element.set(name.rstrip("_").replace("_", "-"), _text(value))
    for part in content:
        if isinstance(part, Element):
            element.append(part)
        elif part is not None:
            _append_text(element, part)
    return element


def document(
    title: str, *content: Content, description: str, styles: Sequence[str] = (), modules: Sequence[str] = ()
) -> str:
    """A complete page with the bundled style and script.

    Args:
        title: of the page.
        content: of its body.
        description: what it says, in a sentence.
        styles: further style sheets among the assets.
        modules: JavaScript modules among the assets.
    """
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="description", content=description),
        el("title", title),
        el("link", rel="icon", href="/assets/icon.svg", type="image/svg+xml"),
        *(el("link", rel="stylesheet", href=f"/assets/{name}") for name in ("base.css", "railwatch.css", *styles)),
        el("script", src="/assets/railwatch.js", defer=True),
        *(el("script", src=f"/assets/{name}", type="module") for name in modules),
    )
    page = el("html", head, el("body", *content), lang="en")
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html")


def rows(*pairs: tuple[str, Content]) -> Iterator[Element]:
    """Terms and descriptions of a `<dl>`. Those without a description are left out."""
    for term, description in pairs:
        if description is not None:
            yield el("div", el("dt", term), el("dd", description))


def date(at: datetime) -> Element:
    """A date for people. Its time of day shows under the pointer."""
    return el("time", day(at), datetime=at.isoformat(), title=f"{at:%Y-%m-%d %H:%M} UTC")


def _text(value: Value) -> str:
    if value is True:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _append_text(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
