"""The metrics of all services: `python -m railwatch.services.metrics > docs/metrics.md` writes the reference."""

from importlib import import_module

from railwatch.shared.metrics import CATALOGUE, Declaration, reference
from railwatch.shared.process import SERVICES

for _module in (
    "shared.access",
    "shared.proxy",
    "shared.health",
    "shared.eviction",
    "shared.serving",
    "shared.bus.metrics",
    "shared.sites.metrics",
    *(f"services.{service}.metrics" for service in SERVICES),
):
    import_module(f"railwatch.{_module}")

ALL: tuple[Declaration, ...] = tuple(CATALOGUE)

if __name__ == "__main__":
    print(reference(ALL), end="")  # noqa: T201
