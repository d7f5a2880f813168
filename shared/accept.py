"""The header `Accept` (RFC 9110): which form of an answer somebody prefers."""

from collections.abc import Mapping


def weights(accept: str) -> Mapping[str, float]:
    """How much each media type is wanted that a header `Accept` names, from 0 to 1. What cannot be read is left out."""
    found = {}
    for part in accept.split(","):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        wanted = [text.removeprefix("q=") for text in parameters if text.startswith("q=")]
        try:
            found[name] = float(wanted[0]) if wanted else 1.0
        except ValueError:
            continue
    return found


def wants_page(accept: str) -> bool:
    """Whether a browser shows the answer to a person. It asks for HTML by name, and for JSON no more than for that."""
    wanted = weights(accept)
    others = (weight for name, weight in wanted.items() if name.endswith(("/json", "+json")))
    return wanted.get("text/html", 0.0) > 0.0 and wanted["text/html"] >= max(others, default=0.0)
