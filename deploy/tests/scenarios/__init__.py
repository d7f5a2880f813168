"""What goes wrong in one of two installations: which alerts fire, and who is told."""

from deploy.tests.scenarios import availability, flow, quality, state

ALL = (*availability.SCENARIOS, *flow.SCENARIOS, *state.SCENARIOS, *quality.SCENARIOS)
