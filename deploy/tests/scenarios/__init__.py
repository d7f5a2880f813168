"""What goes wrong in one of two installations: which alerts fire, and who is told."""

from deploy.tests.scenarios import availability, consumers, quality, receivers, scenes, state

ALL = tuple(
    scenario for part in (availability, consumers, scenes, receivers, state, quality) for scenario in part.SCENARIOS
)
