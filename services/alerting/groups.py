"""The consumer groups of alerting, without the installation's prefix."""

# The group that handles counts.
GROUP = "railwatch-alerting"


def group_to(receiver: str) -> str:
    """The group that delivers to a receiver."""
    return f"{GROUP}-to-{receiver}"


def group_of_second_looks(receiver: str) -> str:
    """The group that delivers requests for a second look to a receiver."""
    return f"{GROUP}-second-looks-to-{receiver}"
