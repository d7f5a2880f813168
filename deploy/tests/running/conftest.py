"""One running system for all tests that look at it, with the end of the Tumangang episode replayed through it."""

from collections.abc import Iterator

import pytest

from deploy.tests.running.secured import Secured, secured_servers
from deploy.tests.running.stack import Stack, running_stack
from railwatch.demo.episode import BASELINE, LOOKS
from railwatch.demo.replay import rendering, replay

# A look at clouds, quiet looks from which a history is learned, and the surge.
ENOUGH = (LOOKS[16], *LOOKS[18:28], *LOOKS[-2:])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The system after the episode."""
    with rendering((BASELINE, *ENOUGH)) as scenes, running_stack(tmp_path_factory.mktemp("stack")) as running:
        replay(running.system, scenes, lambda progress: None)
        yield running


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Kafka and Redis as in production, without what the tests of another file left in them."""
    with secured_servers(tmp_path_factory.mktemp("secured")) as servers:
        yield servers
