"""Networks that lose what goes one way, the other way, or both ways between a service and a server, and that crawl."""

from functools import partial

from tests.chaos.faults import Fault, Scope
from tests.chaos.network import SERVICES, Direction

# Which servers a service talks to.
TALKS_TO = {
    "ingest": ("kafka", "redis", "store"),
    "detector": ("kafka", "redis", "store"),
    "alerting": ("kafka", "redis", "receivers"),
}


def cut(scope: Scope, service: str, server: str) -> str:
    """Lose packets, for less or for more than a session."""
    direction: Direction = scope.chance.choice(("out", "in", "both"))
    assert scope.world.network is not None
    with scope.world.network.cut(service, server, direction):
        scope.hold(2, 11)
    return {"out": "what the service sends", "in": "what the server sends", "both": "both ways"}[direction]


def crawl(scope: Scope, service: str) -> str:
    """Let everything of a service crawl."""
    assert scope.world.network is not None
    with scope.world.network.crawl(service):
        scope.hold(5, 10)
    return service


FAULTS: dict[str, Fault] = {
    **{
        f"cut {service} from {server}": Fault(service, partial(cut, service=service, server=server))
        for service in SERVICES
        for server in TALKS_TO[service]
    },
    **{f"crawl to {service}": Fault(service, partial(crawl, service=service)) for service in SERVICES},
}
