"""Clocks that are set forward and back while services run; libfaketime does it."""

from functools import partial

from tests.chaos.faults import Fault, Scope
from tests.chaos.network import SERVICES


def step(scope: Scope, service: str) -> str:
    """A service's clock jumps, and jumps back."""
    by_s = scope.chance.choice((-5400, -600, -20, 20, 600, 5400))
    clock = scope.world.fleet.clock(service)
    clock.write_text(f"{by_s:+d}s")
    scope.hold(5, 10)
    clock.write_text("+0s")
    return f"{by_s:+d} s and back"


FAULTS: dict[str, Fault] = {
    f"step the clock of {service}": Fault(service, partial(step, service=service)) for service in SERVICES
}
