"""What browsers may load on the pages: nothing from elsewhere but a base map, and no script inside the page."""

from dataclasses import dataclass

from railwatch.shared.base_map import map_policy


@dataclass(frozen=True)
class BaseMap:
    """The base map that the operator has chosen.

    Attributes:
        tiles: the address of its tiles; null for the bundled coasts and borders.
        credit: whose map it is.
    """

    tiles: str | None = None
    credit: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a page."""
        return {"Content-Security-Policy": map_policy(self.tiles, "'self'")}
