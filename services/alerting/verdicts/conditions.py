"""Under which conditions a look was taken and counted, in a few words by which precision and recall are told apart."""

from collections.abc import Iterable

from railwatch.shared.events import CountEvent

# Elevation of the sun below which shadows are longer than two cars are high, degrees.
LOW_SUN_DEG = 20.0
# The detector's words, and the condition that each tells of.
BY_REASON = {
    "no-baseline": "no-baseline",
    "baseline-partial": "no-baseline",
    "placed-by-tracks": "snow",
    "partly-hidden": "cloud",
    "unfamiliar": "unfamiliar",
    "bridge": "bridge",
}
LOW_SUN, CLEAR = "low-sun", "clear"
# In the order in which people are shown them.
CONDITIONS = (CLEAR, LOW_SUN, "snow", "cloud", "no-baseline", "unfamiliar", "bridge")


def conditions_of(counts: Iterable[CountEvent], sun_deg: float) -> tuple[str, ...]:
    """The conditions of a look; `clear` if nothing is remarked.

    Args:
        counts: those of its tiles.
        sun_deg: elevation of the sun, degrees.
    """
    reasons = {reason for count in counts for reason in count.result.reasons}
    found = {BY_REASON[reason] for reason in reasons if reason in BY_REASON}
    if sun_deg < LOW_SUN_DEG:
        found.add(LOW_SUN)
    return tuple(sorted(found, key=CONDITIONS.index)) or (CLEAR,)
