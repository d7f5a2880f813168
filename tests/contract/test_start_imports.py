"""What a service imports at its start: most of the time that a start takes goes there."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("service", "unneeded"),
    [
        ("ingest", {"pystac", "pystac_client", "scipy", "skimage"}),
        ("detector", {"onnxruntime", "rasterio", "scipy", "skimage"}),
        ("alerting", {"rasterio", "scipy.optimize", "skimage"}),
    ],
)
def test_a_service_does_not_import_at_its_start_what_it_may_never_use(service: str, unneeded: set[str]) -> None:
    asked = f"import sys, railwatch.services.{service}.main; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert not unneeded & set(imported.split())
