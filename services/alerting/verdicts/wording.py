"""Verdicts in words: one sentence for each, as people read it in lists, in messages and in the topic."""

from datetime import UTC, datetime

from railwatch.shared.events import VerdictKind, WhyFalse

# What a person says of a look, and of an alert.
OF_A_LOOK = {
    VerdictKind.RIGHT: "is right with its marks",
    VerdictKind.NOT_A_CAR: "has a mark that is no car",
    VerdictKind.MISSED_CAR: "has a car that was missed",
    VerdictKind.ONE_CAR: "has two marks on one car",
    VerdictKind.TWO_CARS: "has one mark on two cars",
}
OF_AN_ALERT = {
    VerdictKind.RIGHT: "is right",
    VerdictKind.FALSE: "is false",
    VerdictKind.UNCLEAR: "is unclear",
}
REASONS = {
    WhyFalse.SHADOW: "a shadow",
    WhyFalse.SNOW: "snow",
    WhyFalse.BUILDING: "a building",
    WhyFalse.WAGON_BODY: "a wagon body used as a shed",
    WhyFalse.OTHER: "something else",
}


def verdict_sentence(
    by: str,
    site_name: str,
    observed_at: datetime,
    kind: VerdictKind,
    *,
    of_alert: bool,
    total: int | None = None,
    reason: WhyFalse | None = None,
    note: str = "",
    before: str = "",
) -> str:
    """A verdict in one sentence.

    Args:
        by: who says it.
        site_name: what people call the site.
        observed_at: when the look was taken.
        kind: what they say.
        of_alert: whether it is about an alert.
        total: the true count, if they give one.
        reason: what was taken for a car.
        note: what they add.
        before: the sentence of the verdict that is taken back.
    """
    at = observed_at.astimezone(UTC)
    thing = f"the {'alert' if of_alert else 'look'} of {at.day} {at:%B %Y} at {site_name}"
    if kind is VerdictKind.TAKEN_BACK:
        text = f"{by} takes back: {before.rstrip('.')}"
    elif kind is VerdictKind.SECOND_LOOK:
        text = f"{by} asks for a second look at {thing}"
    elif kind is VerdictKind.TOTAL:
        text = f"{by} says that {thing} has {total} railcar{'' if total == 1 else 's'}"
    else:
        text = f"{by} says that {thing} {(OF_AN_ALERT if of_alert else OF_A_LOOK)[kind]}"
    if reason:
        text += f", because of {REASONS[reason]}" if of_alert else f", but {REASONS[reason]}"
    return f"{text}: {note}" if note else f"{text}."
