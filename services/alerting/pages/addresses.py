"""Where the pages are. A look is addressed by its site and by the id of any of its scenes."""


def site_path(site: str) -> str:
    """The page of a site."""
    return f"/sites/{site}"


def look_path(site: str, scene: str) -> str:
    """The page of a look."""
    return f"/sites/{site}/looks/{scene}"


def alert_path(alert: str) -> str:
    """The page of an alert."""
    return f"/alerts/{alert}"
