"""A base map below the maps of the pages: where its tiles are, and what browsers must be let load for it."""

from urllib.parse import urlsplit

# What the address of tiles must be, and how the reference of the settings says it. It becomes a part of a policy.
TILES_PATTERN = r"^https?://[^/\s;,'\"]+/\S*$"
TILES = "https://host/{z}/{x}/{y}.png"


def map_policy(base_map: str | None, forms: str) -> str:
    """The Content-Security-Policy of a page with a map. Only a base map lies elsewhere.

    Args:
        base_map: the address of its tiles; null without one.
        forms: where forms may be sent, as `form-action` says it.
    """
    others = f" {urlsplit(base_map).scheme}://{urlsplit(base_map).netloc}" if base_map else ""
    return (
        f"default-src 'none'; connect-src 'self' blob:{others}; img-src 'self' data: blob:{others}; style-src 'self'; "
        f"script-src 'self'; worker-src 'self'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
    )
