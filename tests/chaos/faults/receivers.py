"""A receiver that hangs, lies, redirects and refuses, for all alerts or for those of one site."""

from functools import partial

from tests.chaos.faults import Fault, Scope
from tests.chaos.receivers import ANSWERS, RUDE


def moody(scope: Scope, mood: str) -> str:
    """The receiver behaves so for a while."""
    with scope.world.fickle.in_mood(mood):
        scope.hold(5, 12)
    return "fickle"


def refuse_one_site(scope: Scope) -> str:
    """The receiver takes everything but the alerts of one site."""
    site = scope.chance.choice(scope.world.sites)
    with scope.world.fickle.in_mood("answers 500", only_site=site):
        scope.hold(8, 15)
    return site


FAULTS: dict[str, Fault] = {
    **{
        f"a receiver {mood}": Fault("receivers", partial(moody, mood=mood))
        for mood in (*ANSWERS, *RUDE)
        if mood != "well"
    },
    "a receiver refuses one site": Fault("receivers", refuse_one_site),
}
